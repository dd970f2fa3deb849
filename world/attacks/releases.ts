import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { type Condition, WELL } from '../condition.ts'
import { operationOf, type ServiceKey } from '../estate/estate.ts'
import type { Header } from '../exchange.ts'
import type { Script } from '../visits/script.ts'
import type { World } from '../world.ts'
import { defineAttack, type Part } from './attack.ts'
import { insider, withToken } from './crew.ts'
import { jitter } from './guessing.ts'
import { describeSoon } from './undescribed.ts'

/** What a release, or a dependency, does to a service: nobody attacks, and everybody is concerned. */

type Change = Omit<Condition, 'service' | 'operation' | 'fromUs' | 'untilUs' | 'label'> & {
  readonly forUs: number
  /** Whether a release did it, and another one ends it. */
  readonly release: boolean
}
type Place = Pick<Condition, 'service' | 'operation'>

const USUAL: Change = { ...WELL, forUs: HOUR_US, release: true }

function change(
  name: string,
  detector: string | null,
  summary: string,
  changes: readonly [Partial<Change>, Partial<Change>, Partial<Change>],
  pick: (world: World) => Place,
) {
  const [blatant, moderate, stealthy] = changes.map((each) => ({ ...USUAL, ...each })) as [Change, Change, Change]
  return defineAttack<Change>({
    name,
    detector,
    summary,
    grip: 'service',
    intensities: { blatant, moderate, stealthy },
    begin: (world, { forUs, release, ...rest }, label, nowUs) => {
      const place = pick(world)
      if (release) world.deploys.release(place.service, nowUs)
      world.impose({ ...place, ...rest, fromUs: nowUs, untilUs: nowUs + forUs, label })
      return []
    },
  })
}

/** Any of these services, as a whole. */
function oneOf(...keys: readonly ServiceKey[]) {
  return (world: World): Place => ({
    service: world.restedService(keys.map((key) => world.estate.services[key])),
    operation: null,
  })
}
const busyOnes = ['shop', 'graph', 'web', 'social', 'catalogue', 'partners', 'files'] as const
const guarded = ['shop', 'graph', 'web', 'social', 'files'] as const

/** What shows one of the people's own things, at one of these services. */
const SHOWN: readonly (readonly [ServiceKey, string])[] = [
  ['shop', 'GET /v1/me'],
  ['shop', 'GET /v1/orders/{order}'],
  ['files', 'GET /files/{file}'],
  ['web', 'GET /account/orders/{order}'],
  ['social', 'GET /u/{profile}'],
]
function oneShown(world: World): Place {
  const { services } = world.estate
  const service = world.restedService([...new Set(SHOWN.map(([key]) => services[key]))])
  const shown = SHOWN.filter(([key]) => services[key] === service)
  return { service, operation: operationOf(service, world.random.pick(shown)[1]) }
}

export const moreErrors = change(
  'regression.errors',
  'regression.errors',
  'after a release a share of the answers is 500',
  [{ errors: 0.4 }, { errors: 0.12 }, { errors: 0.03 }],
  oneOf(...busyOnes),
)
export const slowerAnswers = change(
  'regression.latency',
  'regression.latency',
  'after a release answers take longer',
  [{ slower: 6 }, { slower: 2.5 }, { slower: 1.5 }],
  oneOf(...busyOnes),
)
/** Those that people visit all day: an hour without a visit by machines of partners comes by itself every week. */
const visited = ['shop', 'graph', 'web', 'social', 'catalogue'] as const
export const goneSilent = change(
  'regression.silence',
  'regression.silence',
  'a service goes dark',
  [{ silent: true, forUs: 3 * HOUR_US }, { silent: true }, { silent: true, forUs: 20 * MINUTE_US }],
  oneOf(...visited),
)
/** One of the taps that mirror traffic shows nothing more, while services go on. */
export const blindTap = defineAttack<{ readonly forUs: number }>({
  name: 'capture.silent',
  detector: 'capture.silent',
  summary: 'a tap is unplugged: what it showed is seen no more',
  grip: 'service',
  intensities: {
    blatant: { forUs: 2 * HOUR_US },
    moderate: { forUs: 40 * MINUTE_US },
    stealthy: { forUs: 6 * MINUTE_US },
  },
  begin: (world, { forUs }, label, nowUs) => {
    const mirror = world.random.pick(['front', 'inner'])
    for (const service of Object.values(world.estate.services)) {
      if (service.mirror !== mirror) continue
      const dark = { ...WELL, silent: true, tap: true, fromUs: nowUs, untilUs: nowUs + forUs }
      world.impose({ ...dark, service, operation: null, label })
    }
    return []
  },
})
const GONE = (...names: readonly string[]): readonly Header[] => names.map((name) => [name, ''] as const)
export const lessGuarded = change(
  'regression.security',
  'regression.security',
  'a release leaves a guard out: nobody is refused any more, headers that protect are gone, answers may be kept',
  [
    { open: true, headers: GONE('Strict-Transport-Security', 'X-Content-Type-Options'), forUs: 3 * HOUR_US },
    { headers: GONE('Strict-Transport-Security'), forUs: 2 * HOUR_US },
    { headers: [['X-Content-Type-Options', '']], release: false },
  ],
  oneOf(...guarded),
)
export const exposedFields = change(
  'property.exposure',
  'property.exposure',
  'after a release answers about people show what they should not',
  [
    { adds: '"password_hash":"$2b$12$C6UzMDM.H6dfI","iban":"DE02100100100006820101","ssn":"536-90-4399"' },
    { adds: '"iban":"DE02100100100006820101"' },
    { adds: '"internal_score":7,"birth_date":"1984-05-01"' },
  ].map((each) => ({ ...each, forUs: 3 * HOUR_US })) as [Partial<Change>, Partial<Change>, Partial<Change>],
  oneShown,
)
export const changedThirdParty = change(
  'egress.schema',
  'egress.schema',
  "another company's interface answers otherwise than it did",
  [
    {
      renames: [
        ['state', 'outcome'],
        ['owner_id', 'account'],
        ['size', 'amount'],
      ],
      forUs: 4 * HOUR_US,
      release: false,
    },
    { renames: [['state', 'outcome']], forUs: 4 * HOUR_US, release: false },
    { adds: '"risk":"low"', forUs: 4 * HOUR_US, release: false },
  ],
  oneOf('payments', 'mailer'),
)
/** Trap: what it depends on is slow, and a few requests fail with it. */
export const slowDependency = change(
  'twin.slow_dependency',
  null,
  'a dependency is slow for some minutes: everything that uses it waits',
  [
    { slower: 4, errors: 0.01, forUs: 10 * MINUTE_US, release: false },
    { slower: 2.5, forUs: 8 * MINUTE_US, release: false },
    { slower: 1.6, forUs: 5 * MINUTE_US, release: false },
  ],
  oneOf(...busyOnes),
)
/** Trap: a release that adds harmless fields. */
export const newFields = change(
  'twin.new_fields',
  null,
  'a release adds harmless fields to what is shown, for everybody and for good',
  [
    { adds: '"loyalty_level":2,"badges":["early"],"theme":"dark"' },
    { adds: '"loyalty_level":2' },
    { adds: '"theme":"dark"' },
  ].map((each) => ({ ...each, forUs: 6 * HOUR_US })) as [Partial<Change>, Partial<Change>, Partial<Change>],
  oneShown,
)

/** Trap: a release with endpoints that were not there, which the app begins to use. */
export const newEndpoints = defineAttack<{ readonly people: number; readonly overUs: number }>({
  name: 'twin.new_endpoint',
  detector: null,
  summary: 'a release brings endpoints that nobody knew, and every app that is started begins to use them',
  grip: 'service',
  intensities: {
    blatant: { people: 600, overUs: 3 * HOUR_US },
    moderate: { people: 250, overUs: 4 * HOUR_US },
    stealthy: { people: 60, overUs: 5 * HOUR_US },
  },
  begin: (world, { people, overUs }, label, nowUs) => {
    const { shop } = world.estate.services
    world.release(shop, nowUs)
    const what = world.random.pick(['rewards', 'subscriptions', 'gift-cards', 'pantry'])
    describeSoon(world, shop, [`GET /v3/${what}`, `GET /v3/${what}/{${what}}`], nowUs)
    return Array.from({ length: people }, (): Part => {
      const caller = insider(world, label)
      const { number, person, email } = caller.actor
      const script = (function* (): Script {
        for (const path of [`/v3/${what}`, `/v3/${what}/${70_000 + number}`]) {
          const answer = `{"id":${70_000 + number},"owner_id":"${number}","name":"${person}","email":"${email}","points":${number % 900}}`
          caller.stray(shop, 'GET', path, 200, { answer, latencyMs: 20 })
          yield jitter(caller, 3 * SECOND_US)
        }
      })()
      return { caller, script: withToken(caller, script), delayUs: world.random.next() * overUs }
    })
  },
})
