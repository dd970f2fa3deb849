import { Caller, LANGUAGES, type Label } from '../caller.ts'
import type { Operation } from '../estate/operation.ts'
import type { PlaceKind } from '../network.ts'
import { type Actor, APPS, BROWSERS, stranger } from '../people.ts'
import { grant } from '../visits/login.ts'
import type { Script } from '../visits/script.ts'
import type { World } from '../world.ts'
import type { Part } from './attack.ts'

/** Who attacks, and from where. */

/**
 * What an attacker's requests look like: those of a script, of one browser, or each those of another user. The first two are the
 * same for all sources of one attack.
 */
export type Disguise = 'script' | 'browser' | 'users'

/** Programs, and the headers that tell one from another. */
const PROGRAMS = [
  ['python-requests', 'Accept-Encoding', 'Connection'],
  ['Go-http-client', 'Accept-Encoding'],
  ['okhttp', 'Connection', 'Accept-Encoding'],
  ['axios', 'Accept-Encoding', 'X-Requested-With'],
  ['Apache-HttpClient', 'TE', 'Connection'],
  ['aiohttp', 'TE'],
] as const

/** Draws one; what it gives is asked for anew by each source. */
export function disguised(world: World, as: Disguise): () => Partial<Actor> {
  const { random } = world
  if (as === 'users')
    return () => ({ userAgent: random.pick([...APPS, ...BROWSERS]), language: random.pick(LANGUAGES) })
  const [name, major, minor] = [random.between(0, 5), random.between(1, 30), random.between(0, 9)]
  if (as === 'script') {
    const [program, ...headers] = PROGRAMS[name]!
    return () => ({
      userAgent: `${program}/${major}.${minor}`,
      channel: 'machine',
      headers: headers.map((each) => [each, 'gzip']),
    })
  }
  const userAgent = `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${100 + major}.0.${minor}.0 Safari/537.36`
  const language = random.pick(['en-US,en;q=0.9', 'ru-RU,ru;q=0.9', 'pt-BR', 'vi,en;q=0.5', ...LANGUAGES])
  return () => ({ userAgent, language })
}

/** Somebody without an account. */
export function outsider(
  world: World,
  label: Label,
  kind: PlaceKind = 'hosting',
  looks: string | Partial<Actor> = {},
): Caller {
  const name = nameFor(world, label)
  const actor = stranger(world.random, 'attacker', kind, name)
  const changed = typeof looks === 'string' ? { userAgent: looks } : looks
  return new Caller(world, { ...actor, ...changed }, world.random.fork(name), label)
}

/** Somebody with an account like everybody's, logged in. */
export function insider(world: World, label: Label, kind?: PlaceKind): Caller {
  const user = anyUser(world)
  const places = kind === undefined ? user.places : [{ kind, number: world.random.between(0, 4000) }]
  return loggedIn(world, { ...user, places }, label)
}

/** An actor with a token at hand. */
export function loggedIn(world: World, actor: Actor, label: Label): Caller {
  const caller = new Caller(world, actor, world.random.fork(nameFor(world, label)), label)
  if (actor.channel === 'app' || actor.channel === 'both') caller.apiKey = world.population.appKeys[0]!
  return caller
}

export function anyUser(world: World): Actor {
  const { users } = world.population
  for (;;) {
    const user = world.random.pick(users)
    if (user.channel !== 'web') return user
  }
}

/** One caller, from the beginning. */
export function alone(caller: Caller, script: Script): readonly Part[] {
  return [{ caller, script, delayUs: 0 }]
}

/** Something that users read of their own, at one of the services that are theirs. */
export function ownRead(world: World): Operation {
  const { shop, social, files } = world.estate.services
  const own = [shop, social, files].flatMap(({ operations }) =>
    operations.filter(({ method, shape, subject, audience }) => {
      const isRead = method === 'GET' && (shape === 'item' || shape === 'list')
      return isRead && audience === 'user' && subject?.visibility === 'own'
    }),
  )
  return world.random.pick(own)
}

/** The same script with a fresh token first: its time is known only when it starts. */
export function* withToken(caller: Caller, script: Script): Script {
  grant(caller)
  yield* script
}

function nameFor(world: World, { attack, twin }: Label): string {
  return `${attack ?? twin}/${world.nextSerial()}`
}
