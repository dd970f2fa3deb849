import { describe, expect, test } from 'vitest'
import type { Signal } from '../../../daemon/model/signal.ts'
import { HOUR_US, MINUTE_US, SECOND_US } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { address, play, randomFrom, START, transaction, user } from '../../../test/conformance/traffic.ts'
import type { Detector, DetectorDeclaration } from '../../detector.ts'
import { consumptionCost } from '../consumption-cost.ts'
import { consumptionRate } from '../consumption-rate.ts'
import { consumptionSize } from '../consumption-size.ts'
import { consumptionVolume } from '../consumption-volume.ts'
import { scrapeExfiltration } from '../scrape-exfiltration.ts'

type Id = 'consumption.rate' | 'consumption.size' | 'consumption.cost' | 'consumption.volume' | 'scrape.exfiltration'
const DECLARED: Readonly<Record<Id, DetectorDeclaration>> = {
  'consumption.rate': consumptionRate,
  'consumption.size': consumptionSize,
  'consumption.cost': consumptionCost,
  'consumption.volume': consumptionVolume,
  'scrape.exfiltration': scrapeExfiltration,
}

function make(id: Id): Detector {
  const { options, create } = DECLARED[id]
  return create(options.parse({}))
}

/** A call to the list of customers, with so many rows. */
function call(time: number, name: string, given: Partial<Transaction> & { readonly rows?: number } = {}): Transaction {
  const { rows = 24, ...rest } = given
  const responseBody = `{"customers":[${Array.from({ length: rows }, (_, i) => `{"id":${i},"email":"c${i}@mail.test","city":"Ulm"}`).join(',')}]}`
  return transaction({
    time,
    principal: user(name).principal,
    path: '/v1/customers',
    endpoint: 'GET /v1/customers',
    knownEndpoint: true,
    requestBodyBytes: 400,
    durationUs: 60_000,
    responseBody,
    responseBodyBytes: responseBody.length,
    ...rest,
  })
}

const LEARNT = START + 6 * HOUR_US

/** Six hours of 60 callers, one to four calls each at a go. */
function ordinary(): Transaction[] {
  const random = randomFrom(4)
  return Array.from({ length: 900 }, (_, i) => {
    const at = START + i * 24 * SECOND_US
    return Array.from({ length: 1 + Math.floor(random() * 4) }, (_, k) => call(at + k * SECOND_US, `u${i % 60}`))
  }).flat()
}

/** The same callers, with one call at a go. */
function calm(): Transaction[] {
  return ordinary().filter(({ time }) => (time - START) % (24 * SECOND_US) === 0)
}

/** What each detector is after, by one caller after the ordinary hours. */
const TOO_MUCH: Readonly<Record<Id, (name: string, from?: number) => Transaction[]>> = {
  'consumption.rate': (name, from = LEARNT) =>
    Array.from({ length: 1600 }, (_, i) => call(from + i * 0.25 * SECOND_US, name)),
  'consumption.size': (name, from = LEARNT) =>
    Array.from({ length: 5 }, (_, i) => call(from + i * 30 * SECOND_US, name, { requestBodyBytes: 12_000 })),
  'consumption.cost': (name, from = LEARNT) =>
    Array.from({ length: 30 }, (_, i) => call(from + i * 10 * SECOND_US, name, { durationUs: 5 * SECOND_US })),
  'consumption.volume': (name, from = LEARNT) =>
    Array.from({ length: 30 }, (_, i) => call(from + i * 10 * SECOND_US, name, { responseBodyBytes: 2e6 })),
  'scrape.exfiltration': (name, from = LEARNT) =>
    Array.from({ length: 30 }, (_, i) => call(from + i * 10 * SECOND_US, name, { rows: 90 })),
}
const IDS = Object.keys(DECLARED) as Id[]

function run(detector: Detector, list: readonly Transaction[]): Signal[] {
  const signals: Signal[] = []
  play(
    [...list].sort((a, b) => a.endTime - b.endTime),
    detector,
    (signal) => {
      if (signal !== null) signals.push(signal)
    },
  )
  return signals
}

describe.each(IDS)('%s', (id) => {
  test('says nothing of ordinary hours, and names the one caller who takes too much', () => {
    expect(run(make(id), ordinary())).toEqual([])
    const [first, ...more] = run(make(id), [...ordinary(), ...TOO_MUCH[id]('mallory')])
    expect(first).toMatchObject({ detector: id, subject: { kind: 'user', value: 'hmac:mallory' } })
    expect(first!.log10P).toBeLessThan(-3)
    expect(first!.evidenceBefore.length).toBeGreaterThan(0)
    // Told again only at twice as much, and each hour.
    expect(more.length).toBeLessThan(6)
  })

  test('says nothing before it knows what is usual', () => {
    expect(run(make(id), TOO_MUCH[id]('mallory', START))).toEqual([])
  })

  test('is silent about who always did it, once seen in three hours', () => {
    const detector = make(id)
    const always = Array.from({ length: 10 }, (_, hour) => TOO_MUCH[id]('job', START + hour * HOUR_US + MINUTE_US))
    expect(run(detector, [...ordinary(), ...always.flat()])).toEqual([])
  })

  test('who is suspected teaches nothing: the same is told again', () => {
    const detector = make(id)
    const told: number[] = []
    play(
      [...ordinary(), ...Array.from({ length: 8 }, (_, i) => TOO_MUCH[id]('mallory', LEARNT + i * HOUR_US)).flat()],
      detector,
      (signal, tx) => {
        if (signal === null) return
        detector.suspect!(signal.subject.value, true, tx.endTime)
        told.push(Math.floor((tx.endTime - LEARNT) / HOUR_US))
      },
    )
    expect([...new Set(told)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  test('learns nothing while the sensor is blind', () => {
    const detector = make(id)
    detector.freeze!(true, START)
    expect(run(detector, [...ordinary(), ...TOO_MUCH[id]('mallory')])).toEqual([])
    expect(detector.maturity()).toBe(0)
  })

  test('put into another process, goes on as if nothing had happened, in the middle of an attack too', () => {
    const all = [...ordinary(), ...TOO_MUCH[id]('mallory'), ...TOO_MUCH[id]('eve', LEARNT + HOUR_US)]
    const half = all.length - Math.floor(1.5 * TOO_MUCH[id]('x').length)
    const unbroken = make(id)
    run(unbroken, all.slice(0, half))
    const kept = [...unbroken.snapshot!()].map((line) => JSON.stringify(line))
    const other = make(id)
    for (const line of kept) other.restore!(JSON.parse(line))
    expect([...other.snapshot!()].map((line) => JSON.stringify(line))).toEqual(kept)
    const after = run(unbroken, all.slice(half))
    expect(after.length).toBeGreaterThan(0)
    expect(run(other, all.slice(half))).toEqual(after)
    expect([...other.snapshot!()]).toEqual([...unbroken.snapshot!()])
  })
})

describe('consumption.rate', () => {
  test('clients that try again what fails, and log-ins, do not count', () => {
    const retries = TOO_MUCH['consumption.rate']('app').map((tx) => ({ ...tx, status: 503 }))
    const logins = TOO_MUCH['consumption.rate']('eve').map((tx) => ({
      ...tx,
      marks: [{ kind: 'login' as const, field: 'body:/password', account: null, guess: 'new' as const }],
    }))
    expect(run(make('consumption.rate'), [...ordinary(), ...retries, ...logins])).toEqual([])
  })

  test('an address that several people share is held to five times as much', () => {
    const office = TOO_MUCH['consumption.rate']('x').map((tx) => ({
      ...tx,
      principal: address('192.0.2.77'),
      sharedAddress: true,
    }))
    expect(run(make('consumption.rate'), [...ordinary(), ...office])).toEqual([])
  })

  test('who is signed in and does what nobody comes near to is told from a quarter of the floor, a crawler is not', () => {
    const some = TOO_MUCH['consumption.rate']('mallory').slice(0, 320)
    expect(run(make('consumption.rate'), [...calm(), ...some])).toHaveLength(1)
    const crawler = some.map((tx) => ({ ...tx, principal: address('192.0.2.77') }))
    expect(run(make('consumption.rate'), [...calm(), ...crawler])).toEqual([])
  })

  test('a program that asks for everything alike is held to five times as much at each endpoint', () => {
    const spread = TOO_MUCH['consumption.rate']('sync').flatMap((tx) =>
      ['/v1/customers', '/v1/orders', '/v1/items'].map((path) => ({ ...tx, path, endpoint: `GET ${path}` })),
    )
    expect(run(make('consumption.rate'), [...ordinary(), ...spread])).toEqual([])
  })
})

test('what lies across two windows of ten minutes is as much as within one', () => {
  // 340 requests in five minutes, half of them before the turn of the window.
  const from = LEARNT + 7.5 * MINUTE_US
  const across = Array.from({ length: 340 }, (_, i) => call(from + i * 0.88 * SECOND_US, 'mallory'))
  expect(run(make('consumption.rate'), [...calm(), ...across])).toHaveLength(1)
  // A job that always does is known by the same measure.
  const always = Array.from({ length: 10 }, (_, hour) =>
    across.map((tx) => ({ ...call(tx.time - (7 - hour) * HOUR_US, 'job') })),
  )
  expect(run(make('consumption.rate'), [...calm(), ...always.flat()])).toEqual([])
})

test('consumption.size: where files are put, one of many times the usual size is a file; ten times that is too much', () => {
  const random = randomFrom(5)
  const uploads = ordinary().flatMap((tx, i) =>
    ['', 'b', 'c', 'd'].map((other) => ({
      ...tx,
      principal: user(`u${i % 60}${other}`).principal,
      requestBodyBytes: Math.round(60_000 - 20_000 * Math.log(random())),
    })),
  )
  const sends = (bytes: number) =>
    TOO_MUCH['consumption.size']('mallory').map((tx) => ({ ...tx, requestBodyBytes: bytes }))
  expect(run(make('consumption.size'), [...uploads, ...sends(1.4e6)])).toEqual([])
  expect(run(make('consumption.size'), [...uploads, ...sends(2e7)])).not.toEqual([])
})

test('consumption.cost: a service that is slow for all is nobody’s fault', () => {
  const slow = Array.from({ length: 12 }, (_, k) => TOO_MUCH['consumption.cost'](`u${k}`)).flat()
  expect(run(make('consumption.cost'), [...ordinary(), ...slow])).toEqual([])
})

test('scrape.exfiltration: tells how many records, and of what; lists without personal data need to be longer', () => {
  const [signal] = run(make('scrape.exfiltration'), [...ordinary(), ...TOO_MUCH['scrape.exfiltration']('mallory')])
  expect(signal!.why).toMatch(/^about \d{3} records with e-mail addresses at GET \/v1\/customers within 10 min; usual/)
  expect(signal!.severity).toBe('high')
  const plain = (list: Transaction[]) =>
    list.map((tx) => ({ ...tx, responseBody: tx.responseBody!.replaceAll('@', ' ') }))
  expect(
    run(make('scrape.exfiltration'), plain([...ordinary(), ...TOO_MUCH['scrape.exfiltration']('mallory')])),
  ).toEqual([])
})

/** Four days of 60 new callers an hour, a fifth of whom take so long on the first day and three times as long on each further one. */
function everSlower(firstUs: number): readonly unknown[] {
  const detector = make('consumption.cost')
  const drifts: unknown[] = []
  for (let hour = 0; hour < 4 * 24; hour++) {
    const time = START + hour * HOUR_US
    for (let i = 0; i < 60; i++) {
      const durationUs = i % 5 === 0 ? firstUs * 3 ** (hour / 24) : 60_000
      const tx = call(time + i * 30 * SECOND_US, `u${hour}-${i}`, { durationUs, responseBody: '' })
      detector.tick(tx.endTime)
      detector.observe(tx, tx.endTime)
    }
    drifts.push(...(detector.takeDrifts?.(time) ?? []))
  }
  return drifts
}

test('what is usual is watched where it comes near to much, and not where nobody judges by it', () => {
  expect(everSlower(2 * SECOND_US)).toContainEqual(expect.objectContaining({ what: 'milliseconds of work in 10 min' }))
  expect(everSlower(0.1 * SECOND_US)).toEqual([])
})
