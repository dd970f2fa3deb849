import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Caller } from '../caller.ts'
import { WELL } from '../condition.ts'
import { operationOf, type ServiceKey } from '../estate/estate.ts'
import { grant } from '../visits/login.ts'
import type { Script } from '../visits/script.ts'
import { defineAttack, type Part } from './attack.ts'
import { alone, insider, outsider } from './crew.ts'
import { jitter } from './guessing.ts'
import { DECOYS, TRIPWIRES } from './probing.ts'

/** Attacks on what is learnt: teach it slowly, keep it from learning, or make it give up a rule. */

interface Growth {
  readonly hours: number
  readonly firstMegabytes: number
  readonly growth: number
}
const DOWNLOADS_AN_HOUR = 6

/** Takes ever more out of the files that are its own or were given to it: only how much it is can tell. */
function* takeEverMore(caller: Caller, { hours, firstMegabytes, growth }: Growth): Script {
  const content = operationOf(caller.world.estate.services.files, 'GET /files/{file}/content')
  const [file] = content.resources as [(typeof content.resources)[0]]
  for (let download = 0; download < hours * DOWNLOADS_AN_HOUR; download++) {
    if (caller.authorization === null || caller.now > caller.expires) grant(caller)
    const megabytes = firstMegabytes * (1 + growth) ** (download / DOWNLOADS_AN_HOUR)
    const binaryBytes = Math.round((megabytes * 1e6) / DOWNLOADS_AN_HOUR)
    caller.call(content, { objects: [caller.reachable(file)], binaryBytes })
    yield jitter(caller, HOUR_US / DOWNLOADS_AN_HOUR)
  }
}

export const boiledFrog = defineAttack<Growth>({
  name: 'baseline.drift',
  detector: 'baseline.drift',
  summary: 'an account takes a little more out of its files from hour to hour, until gigabytes seem usual',
  leastDays: 1.4,
  intensities: {
    blatant: { hours: 20, firstMegabytes: 10, growth: 0.3 },
    moderate: { hours: 24, firstMegabytes: 10, growth: 0.12 },
    stealthy: { hours: 28, firstMegabytes: 10, growth: 0.08 },
  },
  begin: (world, growth, label) => {
    const caller = insider(world, label)
    return alone(caller, takeEverMore(caller, growth))
  },
})

/** What the account does meanwhile. */
const BEHIND = { firstMegabytes: 2, growth: 0.1 }

export const neverCalm = defineAttack<{ readonly hours: number; readonly everyUs: number }>({
  name: 'baseline.frozen',
  detector: 'baseline.frozen',
  summary:
    'cheap alarms are set off again and again from ever new addresses, so that nothing is learnt, and behind them an account takes more from hour to hour',
  provokes: true,
  leastDays: 0.6,
  intensities: {
    blatant: { hours: 9, everyUs: 10 * MINUTE_US },
    moderate: { hours: 10, everyUs: 16 * MINUTE_US },
    stealthy: { hours: 12, everyUs: 28 * MINUTE_US },
  },
  begin: (world, { hours, everyUs }, label) => {
    const paths = world.random.pick([TRIPWIRES, DECOYS])
    const parts = Array.from({ length: Math.floor((hours * HOUR_US) / everyUs) }, (_, round): Part => {
      const caller = outsider(world, label, world.random.pick(['home', 'hosting'] as const))
      return { caller, script: alarm(caller, paths), delayUs: round * everyUs }
    })
    const account = insider(world, label)
    return [...parts, { caller: account, script: takeEverMore(account, { hours, ...BEHIND }), delayUs: 0 }]
  },
})

/** Asks for what nobody asks for by mistake. */
function* alarm(caller: Caller, paths: readonly string[]): Script {
  const { catalogue } = caller.world.estate.services
  for (const path of caller.random.shuffled([...paths])) {
    caller.stray(catalogue, 'GET', path, 404)
    yield jitter(caller, 2 * SECOND_US)
  }
}

/** Lists of what is the caller's own, the most used first: where hardly anybody looks there is no rule to be broken yet. */
const OWN_LISTS: readonly (readonly [ServiceKey, string])[] = [
  ['web', 'GET /account/orders'],
  ['shop', 'GET /v1/orders'],
  ['shop', 'GET /v2/orders'],
  ['files', 'GET /files'],
]

export const ruleGone = defineAttack<{ readonly mixed: number; readonly forUs: number }>({
  name: 'baseline.model_changed',
  detector: 'baseline.model_changed',
  summary: "after a release lists show what is others' beside what is one's own: what told whose it is holds no more",
  grip: 'service',
  intensities: {
    blatant: { mixed: 1, forUs: 18 * HOUR_US },
    moderate: { mixed: 0.5, forUs: 18 * HOUR_US },
    stealthy: { mixed: 0.2, forUs: 18 * HOUR_US },
  },
  begin: (world, { mixed, forUs }, label, nowUs) => {
    const lists = OWN_LISTS.map(([key, template]) => operationOf(world.estate.services[key], template))
    const untouched = lists.find((list) => world.imposed.every(({ operation }) => operation !== list))
    const operation = untouched ?? world.random.pick(lists)
    const { service } = operation
    world.deploys.release(service, nowUs)
    world.impose({ ...WELL, service, operation, mixed, fromUs: nowUs, untilUs: nowUs + forUs, label })
    return []
  },
})
