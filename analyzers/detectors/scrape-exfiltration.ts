import { z } from 'zod'
import type { SensitiveClass } from '../../daemon/inventory/sensitive.ts'
import type { Severity } from '../../daemon/model/signal.ts'
import { type EventTime, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { defineDetector } from '../detector.ts'
import { personalData, severityOfGiven } from './access/personal-data.ts'
import { type Measure, roundText, USE_OPTIONS } from './consumption/measure.ts'
import type { UsePopulation } from './consumption/population.ts'
import { UseDetector } from './consumption/use-detector.ts'
import { jsonRecords } from './scrape/json-records.ts'

const Options = z.strictObject({
  ...USE_OPTIONS,
  report: USE_OPTIONS.report.default(5e-4),
  leastRecords: z
    .int()
    .min(1)
    .default(300)
    .describe('records with personal data in ten minutes that are no matter yet; twice as many in an hour'),
  plainTimes: z
    .number()
    .min(1)
    .default(10)
    .describe('as many times more where no personal data was seen in the answers'),
})

/** Shorter answers are no lists worth taking. */
const LEAST_BYTES = 512
/** Of an endpoint one answer in so long is looked at. */
const LOOK_AT_US = 10 * SECOND_US
/** The same, once so many bytes of them were looked at. */
const SETTLED_LOOK_US = 5 * MINUTE_US
const SETTLED_BYTES = 100_000
/** Answers that say how large a record is; older ones fade. */
const REMEMBERED_BYTES = 4e6
/** An endpoint gives lists when its answers hold this many records on average; one object at a time is object.enumeration's. */
const LIST_FROM = 2

const PLURALS: Readonly<Record<SensitiveClass, string>> = {
  email: 'e-mail addresses',
  phone: 'phone numbers',
  card: 'card numbers',
  iban: 'bank accounts',
  national_id: 'identity numbers',
  password: 'passwords',
  token: 'tokens',
  secret: 'secrets',
  health: 'health data',
  location: 'locations',
}

function measureOf({ leastRecords, plainTimes }: z.infer<typeof Options>): Measure {
  return {
    id: 'scrape.exfiltration',
    per: 'endpoint',
    fallsBack: true,
    largest: false,
    floors: [Number.POSITIVE_INFINITY, leastRecords, 2 * leastRecords],
    leastCalls: 1,
    certain: 1,
    leastShare: 0,
    farTimes: 1,
    spreads: false,
    usedBy: answerOf,
    valued: recordsOf,
    factorAt: ({ classes }) => (classes.length > 0 ? 1 : plainTimes),
    severity: (_, times, { classes }) => severityAt(times, classes),
    told: (value, _, { classes }) => `about ${roundText(value)} records${withText(classes)}`,
    unit: 'records',
    shown: roundText,
  }
}

function answerOf({ endpoint, knownEndpoint, status, responseBodyBytes }: Transaction): number {
  if (status !== 200 && status !== 206) return 0
  return endpoint === null || !knownEndpoint || responseBodyBytes < LEAST_BYTES ? 0 : responseBodyBytes
}

/** By the size of the answer, and how large the records of this endpoint were in the answers that were looked at. */
function recordsOf(bytes: number, tx: Transaction, population: UsePopulation, now: EventTime): number {
  if (now - population.lookedAt >= (population.bytes < SETTLED_BYTES ? LOOK_AT_US : SETTLED_LOOK_US)) {
    population.lookedAt = now
    look(tx, bytes, population)
  }
  return population.bytes === 0 ? 0 : (bytes * population.records) / population.bytes
}

function look(tx: Transaction, bytes: number, population: UsePopulation): void {
  const body = tx.responseBody
  if (body === undefined) return
  const { records, seen } = jsonRecords(body)
  if (seen === 0) return
  // Of an answer that is kept in part, the rest is like it.
  population.records += records < LIST_FROM ? 0 : (records * bytes) / Math.max(1, Math.min(bytes, seen))
  population.bytes += bytes
  if (population.bytes > REMEMBERED_BYTES) {
    population.records /= 2
    population.bytes /= 2
  }
  for (const kind of personalData(body)) {
    if (!population.classes.includes(kind)) population.classes.push(kind)
  }
}

/** A list that anybody may take is not grave; one of persons is, and more so the more there are. */
function severityAt(times: number, classes: readonly SensitiveClass[]): Severity {
  const given = severityOfGiven(classes)
  return given === 'critical' && times < 2 ? 'high' : given
}

function withText(classes: readonly SensitiveClass[]): string {
  if (classes.length === 0) return ''
  const names = classes.slice(0, 3).map((kind) => PLURALS[kind])
  const last = names.pop()!
  return ` with ${names.length === 0 ? last : `${names.join(', ')} and ${last}`}`
}

export const scrapeExfiltration = defineDetector({
  id: 'scrape.exfiltration',
  title: 'Records carried away',
  owasp: ['API6:2023'],
  attack: ['T1567'],
  describes: {
    detects:
      'One caller reading far more records out of lists than such callers do: a list of customers, page after page.',
    statistic:
      'Per caller and endpoint, records in ten minutes and in an hour. An answer holds as many as its size says: in one answer of an endpoint in ten seconds (five minutes, once 100 kB of them are known) the elements of the longest list are counted, which gives the bytes of a record. The most of each caller in each hour (in any ten minutes for those past a quarter of leastRecords, in whole tens of the clock for others) make a population per endpoint and cohort: a sketch up to the 90th percentile, a Pareto tail beyond. Told from p <= report and leastRecords (twice that in an hour; plainTimes as many where the answers that were looked at hold no personal data). The caller’s own hours of that size excuse half as much again. How grave it is depends on what the records hold.',
    memory:
      'maxCallers callers, 0.2 KiB each, and 80 B for each of at most 16 endpoints of a caller; 1 to 4 KiB more for those past a quarter of leastRecords; maxEndpoints populations of two tails (2.1 KiB each), and as much again per cohort, at most 4. Evictions are counted.',
    warmUp:
      'matureVotes votes at the endpoint, at least an hour, after an hour of quarantine. Answers must be JSON, with bodies.',
    traps:
      'Exports at night and reports at the end of the month (their own hours of that size, from the third; the first of a kind are told unless the machine’s kind is not known there), staff who look at many customers (their cohort). Missed: below leastRecords; one object at a time (object.enumeration); a role whose members have hardly used the list before; where bodies are off.',
    tuning: 'leastRecords; plainTimes for lists that anybody may read.',
  },
  options: Options,
  create: (options, _, callers) => new UseDetector(measureOf(options), options, callers),
})
