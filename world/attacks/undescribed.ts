import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { WELL } from '../condition.ts'
import { nameOf } from '../estate/descriptions.ts'
import type { Operation, Service } from '../estate/operation.ts'
import type { Script } from '../visits/script.ts'
import type { World } from '../world.ts'
import { defineAttack, type Part } from './attack.ts'
import { insider, withToken } from './crew.ts'
import { jitter } from './guessing.ts'

/** What answers, and stands in no description of its service: nobody attacks with it yet, and nobody watches over it either. */

/** Of each operation, by each of those who use it. */
const CALLS = 3
const NEW = ['exports', 'bulk', 'insights', 'sync', 'preferences', 'referrals', 'drafts', 'labels', 'archive', 'quotes']

/** Services with a description that customers call. */
function describedServices({ estate, descriptions }: World): readonly Service[] {
  const { shop, files, social, catalogue } = estate.services
  return [shop, files, social, catalogue].filter((service) => descriptions.has(service))
}

export const undescribed = defineAttack<{
  readonly operations: number
  readonly people: number
  readonly overUs: number
}>({
  name: 'inventory.drift',
  detector: 'inventory.drift',
  summary: 'a release brings operations that are in no description and never come into one; some clients use them',
  grip: 'service',
  intensities: {
    blatant: { operations: 4, people: 80, overUs: 4 * HOUR_US },
    moderate: { operations: 2, people: 25, overUs: 5 * HOUR_US },
    stealthy: { operations: 1, people: 8, overUs: 6 * HOUR_US },
  },
  begin: (world, { operations, people, overUs }, label, nowUs) => {
    const service = world.random.pick(describedServices(world))
    world.release(service, nowUs)
    const paths = world.random.shuffled(NEW).slice(0, operations)
    return Array.from({ length: people }, (): Part => {
      const caller = insider(world, label)
      const script = (function* (): Script {
        for (const path of Array.from({ length: CALLS }, () => paths).flat()) {
          const id = 4000 + caller.random.between(0, 900)
          const answer = `{"id":${id},"state":"ready","count":${id % 9}}`
          caller.stray(service, 'GET', `/${path}/${id}`, 200, { answer, latencyMs: 20 })
          yield jitter(caller, 4 * SECOND_US)
        }
      })()
      return { caller, script: withToken(caller, script), delayUs: world.random.next() * overUs }
    })
  },
})

export const stillAnswered = defineAttack<{ readonly leastWeight: number; readonly forUs: number }>({
  name: 'inventory.drift.retired',
  detector: 'inventory.drift',
  summary: 'operations are taken out of the description as retired, and the service goes on answering them',
  grip: 'service',
  intensities: {
    blatant: { leastWeight: 6, forUs: 3 * HOUR_US },
    moderate: { leastWeight: 3, forUs: 5 * HOUR_US },
    stealthy: { leastWeight: 1, forUs: 8 * HOUR_US },
  },
  begin: (world, { leastWeight, forUs }, label, nowUs) => {
    const service = world.restedService(describedServices(world))
    const operation = world.random.pick(readsOf(service, leastWeight))
    const untilUs = nowUs + forUs
    world.descriptions.edit(service, nameOf(operation), false, nowUs)
    // Somebody is asked, and it comes back.
    world.descriptions.edit(service, nameOf(operation), true, untilUs)
    world.impose({ ...WELL, service, operation, fromUs: nowUs, untilUs, label })
    return []
  },
})

/** What is read there, as often as `leastWeight` and up to twice that. */
function readsOf({ operations }: Service, leastWeight: number): readonly Operation[] {
  const reads = operations.filter(({ method, shape }) => method === 'GET' && shape !== 'page' && shape !== 'ok')
  const fitting = reads.filter(({ weight }) => weight >= leastWeight && weight < 2 * leastWeight)
  return fitting.length > 0 ? fitting : reads
}

/** Within this a description follows the release that it lags behind. */
const LAG_US = [5 * MINUTE_US, 50 * MINUTE_US] as const

/** What a release brought comes into the description somewhat later. */
export function describeSoon(world: World, service: Service, operations: readonly string[], nowUs: number): void {
  const atUs = nowUs + world.random.between(...LAG_US)
  for (const operation of operations) world.descriptions.edit(service, operation, true, atUs)
}
