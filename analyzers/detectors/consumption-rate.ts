import { z } from 'zod'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { defineDetector } from '../detector.ts'
import { isLogin, type Measure, roundText, USE_OPTIONS } from './consumption/measure.ts'
import { UseDetector } from './consumption/use-detector.ts'

const Options = z.strictObject({
  ...USE_OPTIONS,
  perMinute: z
    .number()
    .min(1)
    .default(300)
    .describe('requests of one caller to one endpoint in a minute that are no matter yet'),
  perTenMinutes: z.number().min(1).default(1200).describe('the same in ten minutes'),
  perHour: z.number().min(1).default(3600).describe('the same in an hour'),
})

/** So many times the floor is what only a program does that minds nothing. */
const GRAVE_TIMES = 4
/** Who is signed in and does what nobody comes near to is told from a quarter of the floor. */
const FAR_TIMES = 4

function measureOf({ perMinute, perTenMinutes, perHour }: z.infer<typeof Options>): Measure {
  return {
    id: 'consumption.rate',
    per: 'endpoint',
    fallsBack: true,
    largest: false,
    floors: [perMinute, perTenMinutes, perHour],
    leastCalls: 1,
    certain: 1,
    leastShare: 0,
    farTimes: FAR_TIMES,
    spreads: true,
    usedBy: countsOnce,
    severity: ({ status }, times) => (status === 429 ? 'low' : times >= GRAVE_TIMES ? 'high' : 'medium'),
    told: (value) => `${roundText(value)} requests`,
    unit: 'requests',
    shown: roundText,
  }
}

/** Whoever tries again what failed waits for the service, not against it. */
function countsOnce(tx: Transaction): number {
  const { endpoint, knownEndpoint, status } = tx
  return endpoint === null || !knownEndpoint || (status !== null && status >= 500) || isLogin(tx) ? 0 : 1
}

export const consumptionRate = defineDetector({
  id: 'consumption.rate',
  title: 'One caller asks without a break',
  owasp: ['API4:2023'],
  attack: ['T1499.003'],
  describes: {
    detects:
      'One caller sending far more requests to an endpoint than such callers do: a loop, a harvest, an attempt to wear it out.',
    statistic:
      'Per caller and endpoint, requests in a minute, in ten and in an hour. The busiest minute, the busiest ten and the hour of each caller in each hour (any ten minutes for those past a quarter of a floor, whole tens of the clock for others) make a population per endpoint and cohort (what the caller was learnt to be, the role in its token, or the kind of caller): a sketch up to the 90th percentile, a Pareto tail beyond. Told from p <= report (about twice the 99.9th percentile) and the floor of the window; a minute alone from four times its floor; of who is signed in a quarter of that is enough where p <= 1e-6, which is hundreds of times what others do. The busiest hours of the caller itself excuse half as much again. A caller for whom the endpoint is less than 40 % of its requests in ten minutes, and an address known to be shared, are held to five times the whole floor. Told again at twice what was told, and each hour.',
    memory:
      'maxCallers callers, 0.2 KiB each, and 80 B for each of at most 16 endpoints of a caller; 1 to 4 KiB more for those past a quarter of a floor; maxEndpoints populations of three tails (2.1 KiB each), and as much again per cohort, at most 4. Evictions are counted.',
    warmUp: 'matureVotes votes at the endpoint, at least an hour, after an hour of quarantine.',
    traps:
      'A sale (many callers, few requests each), clients that repeat what fails (answers with 5xx do not count), pollers and monitors (their own past from the third hour; those that were there before the population are waited for, a day at most), a load test or a synchronisation over many endpoints (five times the floor), log-ins (auth.* judges them). Missed: below the floors; the same flood from many callers; the first attack by a machine or member of staff whose kind is not known at the endpoint; a caller that was heavy from the start.',
    tuning: 'perMinute, perTenMinutes, perHour for APIs that are polled; report.',
  },
  options: Options,
  create: (options, _, callers) => new UseDetector(measureOf(options), options, callers),
})
