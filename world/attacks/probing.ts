import { DAY_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { type Caller, PLAIN } from '../caller.ts'
import { token } from '../draw.ts'
import type { Service } from '../estate/operation.ts'
import type { Script } from '../visits/script.ts'
import type { World } from '../world.ts'
import { defineAttack, type Part } from './attack.ts'
import { alone, type Disguise, disguised, insider, loggedIn, outsider, withToken } from './crew.ts'
import { jitter } from './guessing.ts'

/** Looking for what is not linked anywhere. */

const WORDS = (
  'admin api backup beta billing cache callback config console dashboard debug dev docs dump export graphiql health hidden ' +
  'hooks import info internal jobs legacy login logs manage metrics migrate monitor old panel phpinfo private profile proxy ' +
  'public queue reports root rpc secure server settings setup shell soap staff staging stats status store support swagger ' +
  'system temp test tools trace upload users util vendor version web webhooks wiki xml'
).split(' ')
const ENDINGS = ['', '', '', '.php', '.bak', '.old', '.json', '.zip', '/', '~']

interface Probe {
  readonly as: Disguise
  readonly paths: number
  readonly everyUs: number
  /** What the service says to what it does not have: most say 404, some refuse everything. */
  readonly status: number
}

function wordPath(random: { pick<T>(list: readonly T[]): T; chance(p: number): boolean }): string {
  const folder = random.chance(0.4) ? `/${random.pick(WORDS)}` : ''
  return `${folder}/${random.pick(WORDS)}${random.pick(ENDINGS)}`
}

function someService(world: World): Service {
  const { shop, catalogue, files, social } = world.estate.services
  return world.random.pick([shop, catalogue, files, social])
}

export const probing = defineAttack<Probe>({
  name: 'scan.probing',
  detector: 'scan.probing',
  summary: 'a list of words tried as paths',
  intensities: {
    blatant: { paths: 800, everyUs: 0.05 * SECOND_US, status: 404, as: 'script' },
    moderate: { paths: 200, everyUs: SECOND_US, status: 404, as: 'browser' },
    stealthy: { paths: 50, everyUs: 45 * SECOND_US, status: 404, as: 'users' },
  },
  begin: (world, { paths, everyUs, status, as }, label) => {
    const looks = as === 'script' ? 'Mozilla/5.0 (compatible; gobuster/3.6)' : disguised(world, as)()
    const caller = outsider(world, label, 'hosting', looks)
    const service = someService(world)
    return alone(
      caller,
      (function* (): Script {
        for (let i = 0; i < paths; i++) {
          caller.stray(service, 'GET', wordPath(caller.random), status)
          yield jitter(caller, everyUs)
        }
      })(),
    )
  },
})

export const refusedProbing = defineAttack<Probe>({
  name: 'scan.probing.refused',
  detector: 'scan.probing',
  summary: 'words and random names tried as paths at a service that answers 401 to whatever it does not know',
  intensities: {
    blatant: { paths: 800, everyUs: 0.05 * SECOND_US, status: 401, as: 'script' },
    moderate: { paths: 250, everyUs: SECOND_US, status: 403, as: 'browser' },
    stealthy: { paths: 60, everyUs: 30 * SECOND_US, status: 401, as: 'users' },
  },
  begin: (world, { paths, everyUs, status, as }, label) => {
    const caller = outsider(world, label, 'hosting', disguised(world, as)())
    const { admin } = world.estate.services
    return alone(
      caller,
      (function* (): Script {
        for (let i = 0; i < paths; i++) {
          const path = caller.random.chance(0.5)
            ? wordPath(caller.random)
            : `/internal/${token(caller.random, 9).toLowerCase()}`
          caller.stray(admin, caller.random.chance(0.9) ? 'GET' : 'POST', path, status)
          yield jitter(caller, everyUs)
        }
      })(),
    )
  },
})

export const TRIPWIRES = [
  '/.env',
  '/.git/config',
  '/actuator/heapdump',
  '/wp-login.php',
  '/server-status',
  '/.aws/credentials',
]

/** What the company has put up and nothing links to: its operator has declared them. */
export const DECOYS = ['/v1/backup-keys', '/private/payroll.csv', '/v2/superuser/session', '/exports/all-customers.zip']

export const tripwires = defineAttack<{ readonly paths: number }>({
  name: 'scan.tripwire',
  detector: 'scan.tripwire',
  summary: 'files that nobody asks for by mistake, a decoy among them',
  intensities: { blatant: { paths: 6 }, moderate: { paths: 3 }, stealthy: { paths: 1 } },
  begin: (world, { paths }, label) => {
    const caller = outsider(world, label)
    const service = someService(world)
    return alone(
      caller,
      (function* (): Script {
        const known = caller.random.shuffled(TRIPWIRES).slice(0, paths - 1)
        for (const path of caller.random.shuffled([...known, caller.random.pick(DECOYS)])) {
          caller.stray(service, 'GET', path, 404)
          yield jitter(caller, 5 * SECOND_US)
        }
      })(),
    )
  },
})

export const shadowEndpoint = defineAttack<{ readonly calls: number; readonly everyUs: number }>({
  name: 'inventory.shadow',
  detector: 'inventory.shadow',
  summary: 'a forgotten test endpoint is found, and answers',
  intensities: {
    blatant: { calls: 120, everyUs: SECOND_US },
    moderate: { calls: 40, everyUs: 10 * SECOND_US },
    stealthy: { calls: 6, everyUs: 5 * MINUTE_US },
  },
  begin: (world, { calls, everyUs }, label) => {
    const caller = insider(world, label)
    const service = someService(world)
    const [folder, what] = [
      world.random.pick(['/v0', '/debug', '/internal', '/old', '/test']),
      world.random.pick(WORDS),
    ]
    return alone(
      caller,
      withToken(
        caller,
        (function* (): Script {
          for (let i = 0; i < calls; i++) {
            caller.stray(service, 'GET', `${folder}/${what}/${10_000 + i}`, 200, {
              answer: `{"id":${i},"email":"x${i}@mail.example"}`,
            })
            yield jitter(caller, everyUs)
          }
        })(),
      ),
    )
  },
})

/** A program that looks for weaknesses says what it is, if nobody told it not to. */
const SCANNERS = [
  'sqlmap/1.8.11#stable (https://sqlmap.org)',
  'Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:000001)',
  'Nuclei - Open-source project (github.com/projectdiscovery/nuclei)',
  'Fuzz Faster U Fool v2.1.0-dev',
]

export const fingerprinting = defineAttack<{ readonly calls: number; readonly everyUs: number }>({
  name: 'scan.fingerprint',
  detector: 'scan.fingerprint',
  summary: 'a scanner looks at pages that are there, and says in its requests what it is',
  intensities: {
    blatant: { calls: 200, everyUs: 0.2 * SECOND_US },
    moderate: { calls: 30, everyUs: 5 * SECOND_US },
    stealthy: { calls: 2, everyUs: 2 * MINUTE_US },
  },
  begin: (world, { calls, everyUs }, label) => {
    const caller = outsider(world, label, 'hosting', world.random.pick(SCANNERS))
    const operations = world.estate.services.catalogue.operations.filter(({ method }) => method === 'GET')
    return alone(
      caller,
      (function* (): Script {
        for (let i = 0; i < calls; i++) {
          const operation = caller.random.pick(operations)
          caller.call(operation, { objects: operation.resources.map((each) => caller.reachable(each)) })
          yield jitter(caller, everyUs)
        }
      })(),
    )
  },
})

/** How long the endpoint was used by nobody before it is found again. */
const DEAD_DAYS = 35

export const zombieEndpoint = defineAttack<{ readonly calls: number; readonly everyUs: number }>({
  name: 'inventory.zombie',
  detector: 'inventory.zombie',
  summary: 'an old version that nobody has used for five weeks is found, and still answers',
  leastDays: DEAD_DAYS + 5,
  intensities: {
    blatant: { calls: 60, everyUs: SECOND_US },
    moderate: { calls: 20, everyUs: 10 * SECOND_US },
    stealthy: { calls: 4, everyUs: 5 * MINUTE_US },
  },
  begin: (world, { calls, everyUs }, label, nowUs) => {
    const service = someService(world)
    const what = `/v0/${world.random.pick(WORDS)}`
    // An old version stands in the description for as long as it answers: that it comes back is what is to be found.
    world.descriptions.edit(service, `GET ${what}/{old}`, true, nowUs)
    const ask = (caller: Caller, number: number) =>
      caller.stray(service, 'GET', `${what}/${30_000 + number}`, 200, {
        answer: `{"id":${30_000 + number},"owner_id":"${number}","email":"old${number}@mail.example"}`,
      })
    const users = Array.from({ length: 30 }, (): Part => {
      const caller = insider(world, PLAIN)
      const script = (function* (): Script {
        ask(caller, caller.actor.number)
        yield 0
      })()
      return { caller, script: withToken(caller, script), delayUs: world.random.next() * DAY_US }
    })
    const finder = insider(world, label)
    const script = (function* (): Script {
      for (let i = 0; i < calls; i++) {
        ask(finder, finder.random.between(0, 4000))
        yield jitter(finder, everyUs)
      }
    })()
    return [...users, { caller: finder, script: withToken(finder, script), delayUs: DEAD_DAYS * DAY_US }]
  },
})

export const privilegedFunctions = defineAttack<{
  readonly calls: number
  readonly everyUs: number
  readonly granted: number
}>({
  name: 'function.privilege',
  detector: 'function.privilege',
  summary: 'a customer calls what is meant for staff; some of it answers',
  intensities: {
    blatant: { calls: 60, everyUs: 2 * SECOND_US, granted: 0.5 },
    moderate: { calls: 20, everyUs: 20 * SECOND_US, granted: 0.3 },
    stealthy: { calls: 4, everyUs: 10 * MINUTE_US, granted: 1 },
  },
  begin: (world, { calls, everyUs, granted }, label) => {
    const caller = insider(world, label)
    const { operations } = world.estate.services.admin
    return alone(
      caller,
      withToken(
        caller,
        (function* (): Script {
          for (let i = 0; i < calls; i++) {
            const operation = caller.random.pick(operations)
            const objects = operation.resources.map((each) => caller.reachable(each))
            caller.call(operation, caller.random.chance(granted) ? { objects } : { objects, status: 403 })
            yield jitter(caller, everyUs)
          }
        })(),
      ),
    )
  },
})

/** Twin of probing: an app after a release that asks for a path which was never there. */
export const clientBug = defineAttack<{ readonly people: number; readonly overUs: number }>({
  name: 'twin.client_bug',
  detector: null,
  summary: 'a release of the app asks for pictures and pages that do not exist: the same few, for everybody',
  intensities: {
    blatant: { people: 900, overUs: 60 * MINUTE_US },
    moderate: { people: 300, overUs: 60 * MINUTE_US },
    stealthy: { people: 80, overUs: 120 * MINUTE_US },
  },
  begin: (world, { people, overUs }, label) => {
    const { shop } = world.estate.services
    const missing = [
      '/v1/promos/banner',
      '/v1/me/badges',
      '/v1/config/undefined',
      '/v1/orders/undefined',
      '/v1/null/items',
    ]
    return Array.from({ length: people }, (): Part => {
      const caller = insider(world, label)
      const script = withToken(
        caller,
        (function* (): Script {
          for (const path of missing) {
            caller.stray(shop, 'GET', path, 404)
            yield jitter(caller, SECOND_US)
          }
        })(),
      )
      return { caller, script, delayUs: world.random.next() * overUs }
    })
  },
})

/** Trap: somebody walks the whole API with a tool, and said so before. */
export const declaredLoadTest = defineAttack<{ readonly calls: number; readonly everyUs: number }>({
  name: 'twin.load_test',
  detector: null,
  summary: 'a load test of the own team: one account, many calls, a header that says so',
  intensities: {
    blatant: { calls: 4000, everyUs: 0.02 * SECOND_US },
    moderate: { calls: 1500, everyUs: 0.1 * SECOND_US },
    stealthy: { calls: 500, everyUs: 0.5 * SECOND_US },
  },
  begin: (world, { calls, everyUs }, label) => {
    const caller = loggedIn(world, { ...world.population.users[0]!, userAgent: 'k6/0.57.0' }, label)
    const operations = world.estate.services.shop.operations.filter((each) => each.method === 'GET')
    return alone(
      caller,
      withToken(
        caller,
        (function* (): Script {
          for (let i = 0; i < calls; i++) {
            const operation = caller.random.pick(operations)
            const objects = operation.resources.map((each) => caller.reachable(each))
            caller.call(operation, { objects, requestHeaders: [['X-Load-Test', 'spring']] })
            yield jitter(caller, everyUs)
          }
        })(),
      ),
    )
  },
})
