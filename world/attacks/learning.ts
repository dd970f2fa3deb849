import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { operationOf } from '../estate/estate.ts'
import { grant } from '../visits/login.ts'
import type { Script } from '../visits/script.ts'
import { defineAttack, type Part } from './attack.ts'
import { alone, insider, outsider } from './crew.ts'
import { jitter } from './guessing.ts'

/** Attacks on what is learnt: teach it slowly, keep it from learning, or make it believe that a rule is none. */

export const boiledFrog = defineAttack<{
  readonly steps: number
  readonly stepUs: number
  readonly first: number
  readonly growth: number
}>({
  name: 'baseline.drift',
  detector: 'baseline.drift',
  summary: "a customer reads a little more of others' orders from hour to hour, until hundreds at once seem usual",
  intensities: {
    blatant: { steps: 18, stepUs: 20 * MINUTE_US, first: 4, growth: 0.25 },
    moderate: { steps: 30, stepUs: 20 * MINUTE_US, first: 4, growth: 0.12 },
    stealthy: { steps: 36, stepUs: 20 * MINUTE_US, first: 4, growth: 0.08 },
  },
  begin: (world, { steps, stepUs, first, growth }, label) => {
    const caller = insider(world, label)
    const orders = operationOf(world.estate.services.shop, 'GET /v2/orders/{order2}')
    return alone(
      caller,
      (function* (): Script {
        for (let step = 0; step < steps; step++) {
          const count = Math.round(first * (1 + growth) ** step)
          if (caller.authorization === null || caller.now > caller.expires) grant(caller)
          for (let i = 0; i < count; i++) {
            caller.call(orders, { objects: [caller.random.between(0, orders.resources[0]!.count - 1)] })
            yield jitter(caller, stepUs / count)
          }
        }
      })(),
    )
  },
})

export const neverCalm = defineAttack<{ readonly hours: number; readonly everyUs: number; readonly misses: number }>({
  name: 'baseline.frozen',
  detector: 'baseline.frozen',
  summary: 'cheap alarms are set off again and again, so that nothing is learnt any more',
  intensities: {
    blatant: { hours: 6, everyUs: 5 * MINUTE_US, misses: 30 },
    moderate: { hours: 9, everyUs: 15 * MINUTE_US, misses: 15 },
    stealthy: { hours: 12, everyUs: 45 * MINUTE_US, misses: 8 },
  },
  begin: (world, { hours, everyUs, misses }, label) => {
    const { shop } = world.estate.services
    const rounds = Math.floor((hours * HOUR_US) / everyUs)
    return Array.from({ length: rounds }, (_, round): Part => {
      const caller = outsider(world, label, 'home')
      const script = (function* (): Script {
        for (let i = 0; i < misses; i++) {
          caller.stray(shop, 'GET', `/v1/${['old', 'tmp', 'test'][i % 3]}-${caller.random.between(0, 9999)}`, 404)
          yield jitter(caller, 2 * SECOND_US)
        }
      })()
      return { caller, script, delayUs: round * everyUs }
    })
  },
})

export const manyOffenders = defineAttack<{
  readonly accounts: number
  readonly days: number
  readonly objects: number
}>({
  name: 'baseline.model_changed',
  detector: 'baseline.model_changed',
  summary: 'many accounts of one attacker read orders of others, day after day, until it seems that everybody may',
  leastDays: 6,
  intensities: {
    blatant: { accounts: 120, days: 4, objects: 4 },
    moderate: { accounts: 60, days: 4, objects: 2 },
    stealthy: { accounts: 20, days: 4, objects: 1 },
  },
  begin: (world, { accounts, days, objects }, label) => {
    const orders = operationOf(world.estate.services.shop, 'GET /v1/orders/{order}')
    const { count } = orders.resources[0]!
    return Array.from({ length: accounts }, (): Part => {
      const caller = insider(world, label)
      const script = (function* (): Script {
        for (let day = 0; day < days; day++) {
          grant(caller)
          for (let i = 0; i < objects; i++) {
            caller.call(orders, { objects: [caller.random.between(0, count - 1)] })
            yield jitter(caller, 20 * SECOND_US)
          }
          yield jitter(caller, DAY_US)
        }
      })()
      return { caller, script, delayUs: world.random.next() * DAY_US }
    })
  },
})
