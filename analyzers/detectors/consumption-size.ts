import { z } from 'zod'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { defineDetector } from '../detector.ts'
import { bytesText, type Measure, USE_OPTIONS } from './consumption/measure.ts'
import { HOUR } from './consumption/scales.ts'
import { UseDetector } from './consumption/use-detector.ts'

const Options = z.strictObject({
  ...USE_OPTIONS,
  leastBytes: z.number().min(1).default(8192).describe('bytes of a request body that are no matter yet'),
  leastRequests: z
    .int()
    .min(1)
    .default(3)
    .describe('such requests in an hour; one of eight times leastBytes is enough'),
})

const ENOUGH_ALONE = 8
const GRAVE_TIMES = 128
/** Where bodies are files, they differ by orders of magnitude: so many times the 90th percentile is no matter yet. */
const FILE_TIMES = 16

function measureOf({ leastBytes, leastRequests }: z.infer<typeof Options>): Measure {
  return {
    id: 'consumption.size',
    per: 'endpoint',
    fallsBack: false,
    largest: true,
    floors: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, leastBytes],
    leastCalls: leastRequests,
    certain: ENOUGH_ALONE,
    leastShare: 0,
    farTimes: 1,
    spreads: false,
    usedBy: bodyOf,
    factorAt: (population) => Math.max(1, (FILE_TIMES * (population.everyone(HOUR)?.usual.high ?? 0)) / leastBytes),
    severity: ({ status }, times) => (status === 413 ? 'low' : times >= GRAVE_TIMES ? 'high' : 'medium'),
    told: (value, { calls }) =>
      `a request of ${bytesText(value)}${calls > 1 ? `, and ${calls - 1} more far too large` : ''},`,
    unit: 'bytes in a body',
    shown: bytesText,
  }
}

function bodyOf({ endpoint, knownEndpoint, requestBodyBytes }: Transaction): number {
  return endpoint === null || !knownEndpoint ? 0 : requestBodyBytes
}

export const consumptionSize = defineDetector({
  id: 'consumption.size',
  title: 'Requests far larger than anybody sends',
  owasp: ['API4:2023'],
  attack: ['T1499.003'],
  describes: {
    detects:
      'One caller sending bodies far larger than callers of the endpoint do, to fill memory, disks or the time of a parser.',
    statistic:
      'Per caller, endpoint and hour, the largest body. These make a population per endpoint and cohort: a sketch up to the 90th percentile, a Pareto tail beyond, so that sizes are compared by their ratio. Told from p <= report and leastBytes (16 times the 90th percentile of the endpoint, where that is more: it takes files), at the leastRequests-th such request of the hour, or at once from eight times that. The largest of the caller’s own past excuses half as much again.',
    memory:
      'maxCallers callers, 0.2 KiB each, and 80 B for each of at most 16 endpoints of a caller; 1 to 4 KiB more for those past a quarter of leastBytes; maxEndpoints populations of 2.1 KiB, and as much again per cohort, at most 4. Evictions are counted.',
    warmUp: 'matureVotes votes at the endpoint, at least an hour, after an hour of quarantine.',
    traps:
      'Endpoints that take files (sizes vary there: the tail is long), long texts now and then (leastRequests), machines that send in bulk (their own past, or their cohort). Missed: bodies that are small on the wire and large unpacked; endpoints that hardly anybody sends bodies to.',
    tuning: 'leastBytes; leastRequests.',
  },
  options: Options,
  create: (options, _, callers) => new UseDetector(measureOf(options), options, callers),
})
