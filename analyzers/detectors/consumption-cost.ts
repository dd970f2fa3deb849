import { z } from 'zod'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { defineDetector } from '../detector.ts'
import { isLogin, type Measure, USE_OPTIONS } from './consumption/measure.ts'
import { UseDetector } from './consumption/use-detector.ts'

const Options = z.strictObject({
  ...USE_OPTIONS,
  leastRequestMs: z.number().min(0).default(50).describe('a request that takes less is no cost, in milliseconds'),
  leastSeconds: z
    .number()
    .positive()
    .default(140)
    .describe(
      'seconds of a service in ten minutes that are no matter yet, a fifth of them; three times as many in an hour',
    ),
  leastRequests: z.int().min(1).default(10).describe('such requests in an hour before it is judged'),
})

const GRAVE_TIMES = 8
/** Of the time that all requests take of a service. Where it is slow for all, one caller's part is small. */
const LEAST_SHARE = 0.2

function measureOf({ leastRequestMs, leastSeconds, leastRequests }: z.infer<typeof Options>): Measure {
  return {
    id: 'consumption.cost',
    per: 'service',
    fallsBack: false,
    largest: false,
    floors: [Number.POSITIVE_INFINITY, 1000 * leastSeconds, 3000 * leastSeconds],
    leastCalls: leastRequests,
    certain: Number.POSITIVE_INFINITY,
    leastShare: LEAST_SHARE,
    farTimes: 1,
    spreads: false,
    usedBy: (tx) => millisecondsOf(tx, leastRequestMs),
    severity: (_, times) => (times >= GRAVE_TIMES ? 'high' : 'medium'),
    told: (value, { calls }) => `${secondsText(value)} of the service's time, in ${calls} requests,`,
    unit: 'milliseconds of work',
    shown: secondsText,
  }
}

function secondsText(milliseconds: number): string {
  return `${Number((milliseconds / 1000).toPrecision(2))} s`
}

function millisecondsOf(tx: Transaction, leastMs: number): number {
  const { durationUs, state } = tx
  if (durationUs === null || durationUs < leastMs * 1000 || state === 'upgraded' || isLogin(tx)) return 0
  return durationUs / 1000
}

export const consumptionCost = defineDetector({
  id: 'consumption.cost',
  title: 'Costly requests, over and over',
  owasp: ['API4:2023'],
  attack: ['T1499.003'],
  describes: {
    detects:
      'One caller keeping a service busy with few but slow requests: reports, searches, exports, again and again.',
    statistic:
      'Per caller and service, the time between request and answer, of requests that take leastRequestMs or more, summed in ten minutes and in an hour. The busiest ten minutes (any ten for those past a quarter of a floor, whole tens of the clock for others) and the hour of each caller in each hour make a population per service and cohort: a sketch up to the 90th percentile, a Pareto tail beyond. Told from p <= report, leastSeconds (three times that in an hour), leastRequests requests, and a fifth of the time that they all took of the service in those ten minutes. The caller’s own past excuses half as much again. Told again at twice what was told, and each hour.',
    memory:
      'maxCallers callers, 0.2 KiB each, and 80 B for each of at most 16 services of a caller; 1 to 4 KiB more for those past a quarter of a floor; maxEndpoints populations (of services) of two tails (2.1 KiB each), and as much again per cohort, at most 4. Evictions are counted.',
    warmUp: 'matureVotes votes at the service, at least an hour, after an hour of quarantine.',
    traps:
      'A dependency that is slow for all (no caller’s part of the time is large), log-ins (auth.* judges them), connections that stay open (upgraded ones do not count), jobs that need their time (their own past from the third hour). Missed: what the answer does not wait for; costly requests to a service that hardly anybody uses; where times are not recorded (logs without a duration).',
    tuning: 'leastSeconds to what the service can spare; leastRequests.',
  },
  options: Options,
  create: (options, _, callers) => new UseDetector(measureOf(options), options, callers),
})
