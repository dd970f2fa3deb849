import { z } from 'zod'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { defineDetector } from '../detector.ts'
import { bytesText, type Measure, USE_OPTIONS } from './consumption/measure.ts'
import { UseDetector } from './consumption/use-detector.ts'

const Options = z.strictObject({
  ...USE_OPTIONS,
  leastMegabytes: z
    .number()
    .positive()
    .default(20)
    .describe('megabytes of answers in ten minutes that are no matter yet; twice as many in an hour'),
})

/** Of answers: smaller ones are no volume. */
const LEAST_BYTES = 1024
const GRAVE_TIMES = 20

function measureOf({ leastMegabytes }: z.infer<typeof Options>): Measure {
  const least = leastMegabytes * 1e6
  return {
    id: 'consumption.volume',
    per: 'service',
    fallsBack: false,
    largest: false,
    floors: [Number.POSITIVE_INFINITY, least, 2 * least],
    leastCalls: 1,
    certain: 1,
    leastShare: 0,
    farTimes: 1,
    spreads: false,
    usedBy: answerOf,
    severity: (_, times) => (times >= GRAVE_TIMES ? 'high' : 'medium'),
    told: (value) => `${bytesText(value)} of answers`,
    unit: 'bytes',
    shown: bytesText,
  }
}

function answerOf({ responseBodyBytes, state }: Transaction): number {
  return responseBodyBytes < LEAST_BYTES || state === 'upgraded' ? 0 : responseBodyBytes
}

export const consumptionVolume = defineDetector({
  id: 'consumption.volume',
  title: 'Answers far beyond what such callers take',
  owasp: ['API4:2023'],
  attack: ['T1499.003'],
  describes: {
    detects: 'One caller taking far more bytes out of a service than such callers do, whatever the endpoints.',
    statistic:
      'Per caller and service, the bytes of answers of 1 KiB or more, summed in ten minutes and in an hour. The busiest ten minutes (any ten for those past a quarter of a floor, whole tens of the clock for others) and the hour of each caller in each hour make a population per service and cohort: a sketch up to the 90th percentile, a Pareto tail beyond. Told from p <= report and leastMegabytes (twice that in an hour). The caller’s own past excuses half as much again. Told again at twice what was told, and each hour.',
    memory:
      'maxCallers callers, 0.2 KiB each, and 80 B for each of at most 16 services of a caller; 1 to 4 KiB more for those past a quarter of a floor; a population per service of two tails (2.1 KiB each), and as much again per cohort, at most 4. Evictions are counted.',
    warmUp: 'matureVotes votes at the service, at least an hour, after an hour of quarantine.',
    traps:
      'Exports and copies at night (their own hours of that size, from the third), downloads of files (the tail of such a service is long), an office behind one address (five times leastMegabytes where it is known to be shared). Missed: less than leastMegabytes; what a machine takes whose kind is not known there and that has no past.',
    tuning: 'leastMegabytes to what the service gives a busy caller.',
  },
  options: Options,
  create: (options, _, callers) => new UseDetector(measureOf(options), options, callers),
})
