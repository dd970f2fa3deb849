import { Actor, type Device, type Script, SECOND } from './behaviour.ts'
import type { Random } from './random.ts'
import { type Caller, type World, withRole } from './world.ts'

/**
 * The planted attacks: one quick and one patient variety of each kind that the shipped detectors look for.
 * An attack says who its attacker is and where it strikes, so that an incident can be matched with it; nothing here
 * knows how any detector decides.
 */
export interface Attack {
  readonly name: string
  /** One line for people. */
  readonly title: string
  readonly detectors: readonly string[]
  /** Who an incident may name: addresses and token subjects of the attacker. */
  readonly attackers: readonly { readonly kind: 'ip' | 'user'; readonly value: string }[]
  /** E-mail address of the account under attack, where there is one: an incident may be about the account instead. */
  readonly account: string | null
  /** Endpoint template, or null when the attack is on paths that are no endpoint. */
  readonly endpoint: string | null
  /** When it begins, from the start of the scene. */
  readonly startMs: number
  /** One script per host of the attacker. They run until they end or the scene does. */
  readonly scripts: readonly Script[]
}

const WORDLIST =
  `admin administrator backup backup.zip .env .git/config .git/HEAD actuator actuator/env actuator/heapdump
api-docs swagger.json swagger-ui.html openapi.json graphql graphiql console debug debug/vars metrics status server-status
phpinfo.php info.php wp-login.php wp-admin xmlrpc.php config config.json config.yml settings.py .aws/credentials id_rsa
v1/admin v1/users v1/admin/users v1/internal v1/debug v1/config v1/keys v1/secrets v2/orders v2/login internal/health
private test tmp old dev staging jenkins solr elasticsearch kibana grafana cgi-bin/test shell.php dump.sql db.sqlite
.DS_Store robots.txt.bak users.csv`.split(/\s+/)

const ROUTE_NAMES = `users accounts admin roles permissions internal debug config reports invoices payments refunds
discounts coupons vouchers webhooks keys tokens sessions audit logs jobs queues stats backup`.split(/\s+/)

const GUESSES = `123456 password qwerty letmein welcome1 dragon monkey sunshine football iloveyou princess shadow master
superman batman trustno1 hello123 freedom whatever starwars summer2025 winter2025 spring2026 passw0rd admin123 qwerty123
abc123 login1234 flower99 hottie1 loveme zaq1zaq1 ginger pepper jordan23 harley buster soccer hunter2 tigger`.split(
  /\s+/,
)

export function plantAttacks(world: World): Attack[] {
  const random = world.random.fork('attacks')
  const customers = random.shuffled(withRole(world, 'customer').filter((caller) => caller.quirk === 'none'))
  const [victim, otherVictim, reader, patientReader, curious] = customers as [Caller, Caller, Caller, Caller, Caller]
  const { routes } = world
  const guesser = attackerAddress(random, 60)
  const swarm = Array.from({ length: 6 }, (_, i) => attackerAddress(random, 64 + i * 3))
  const readerAddress = attackerAddress(random, 90)
  const prober = attackerAddress(random, 94)

  return [
    {
      name: 'guess',
      title: 'password guessing, one address against one account',
      detectors: ['auth.bruteforce'],
      attackers: [{ kind: 'ip', value: guesser }],
      account: victim.email,
      endpoint: routes.template('login'),
      startMs: 6 * SECOND,
      scripts: [guessing(outsider(world, random, guesser), victim.email, random.shuffled(GUESSES), 240)],
    },
    {
      name: 'guess-spread',
      title: 'password guessing, six addresses taking turns against one account',
      detectors: ['auth.bruteforce'],
      attackers: swarm.map((value) => ({ kind: 'ip', value })),
      account: otherVictim.email,
      endpoint: routes.template('login'),
      startMs: 3 * SECOND,
      scripts: swarm.map((address, i) => {
        const words = random.shuffled(GUESSES).filter((_, at) => at % swarm.length === i)
        return guessing(outsider(world, random, address), otherVictim.email, words, 4_000, i * 650)
      }),
    },
    {
      name: 'enumerate',
      title: 'orders of others, read in sequence',
      detectors: ['object.enumeration', 'object.ownership'],
      attackers: [{ kind: 'user', value: reader.sub }],
      account: null,
      endpoint: routes.template('order'),
      startMs: 5 * SECOND,
      scripts: [readInSequence(insider(world, random, reader, readerAddress), world)],
    },
    {
      name: 'enumerate-slow',
      title: 'invoices of others, counted on from the own one, refused',
      detectors: ['object.enumeration', 'object.ownership'],
      attackers: [{ kind: 'user', value: patientReader.sub }],
      account: null,
      endpoint: routes.template('invoice'),
      startMs: 2 * SECOND,
      scripts: [tryInvoices(insider(world, random, patientReader, patientReader.address), world)],
    },
    {
      name: 'probe',
      title: 'looking for routes that might exist',
      detectors: ['scan.probing'],
      attackers: [{ kind: 'ip', value: prober }],
      account: null,
      endpoint: null,
      startMs: 9 * SECOND,
      scripts: [probing(outsider(world, random, prober), random.shuffled(WORDLIST))],
    },
    {
      name: 'probe-slow',
      title: 'looking for routes between ordinary requests, as a customer with a token',
      detectors: ['scan.probing'],
      attackers: [{ kind: 'user', value: curious.sub }],
      account: null,
      endpoint: null,
      startMs: 1 * SECOND,
      scripts: [lookAround(insider(world, random, curious, curious.address), world)],
    },
  ]
}

/** Tries words until one is right, which none of them is. */
function* guessing(actor: Actor, email: string, words: readonly string[], paceMs: number, firstMs = 0): Script {
  let waitMs = firstMs
  for (const word of words) {
    yield* actor.guess(waitMs, email, word)
    waitMs = paceMs + actor.random.between(0, paceMs / 4)
  }
}

/** A customer with a token like any other, who found out that the number in the path can be counted up. */
function* readInSequence(actor: Actor, world: World): Script {
  yield* actor.signIn(200)
  yield* actor.ask(300, 'orders')
  const first = Math.min(...world.orders.keys())
  const from = first + actor.random.between(100, 600)
  for (let id = from; id < from + 214; id++) yield* actor.ask(actor.random.between(30, 60), 'order', { id })
}

/** A customer who counts on from their own number without haste, where the API does check the owner. */
function* tryInvoices(actor: Actor, world: World): Script {
  yield* actor.signIn(200)
  yield* actor.ask(300, 'me')
  yield* actor.ask(900, 'orders')
  const all = [...world.orders.keys()]
  const own = all.findIndex((id) => world.orders.get(id) === actor.caller.sub)
  const from = Math.min(Math.max(0, own), all.length - 60)
  for (const id of all.slice(from, from + 60)) {
    if (actor.random.chance(0.8)) yield* actor.ask(actor.random.between(350, 650), 'invoice', { id })
  }
}

function* probing(actor: Actor, paths: readonly string[]): Script {
  for (const path of paths) yield* actor.send(actor.random.between(120, 260), 'GET', `/${path}`, { anonymous: true })
}

/** Guesses the names of routes that an API like this could have, and goes on shopping meanwhile. */
function* lookAround(actor: Actor, world: World): Script {
  const { random } = actor
  yield* actor.signIn(200)
  for (const word of random.shuffled(ROUTE_NAMES)) {
    yield* actor.send(random.between(500, 900), 'GET', world.routes.renamed(`/v1/${word}`))
    yield* actor.ask(random.between(300, 600), 'product', { id: random.pick(world.products) })
  }
}

/** Not among the addresses of the day. */
function attackerAddress(random: Random, last: number): string {
  return `192.0.2.${last + random.between(0, 2)}`
}

function outsider(world: World, random: Random, address: string): Actor {
  const nobody: Caller = {
    sub: '',
    email: '',
    password: '',
    role: 'visitor',
    quirk: 'none',
    address,
    away: address,
    userAgent: 'curl/8.14.1',
    hasApp: false,
  }
  return new Actor(world, nobody, newDevice(), random.fork(address), address)
}

function insider(world: World, random: Random, caller: Caller, address: string): Actor {
  return new Actor(world, caller, newDevice(), random.fork(caller.sub), address)
}

export function newDevice(): Device {
  return { access: null, accessUntilMs: 0, refresh: null }
}
