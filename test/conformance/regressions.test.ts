import { describe, expect, test } from 'vitest'
import { DetectorSet } from '../../analyzers/analysis.ts'
import { regressionErrors } from '../../analyzers/detectors/regression-errors.ts'
import { regressionLatency } from '../../analyzers/detectors/regression-latency.ts'
import { regressionSecurity } from '../../analyzers/detectors/regression-security.ts'
import { regressionSilence } from '../../analyzers/detectors/regression-silence.ts'
import { IncidentBook } from '../../daemon/incidents/incident-book.ts'
import type { Incident } from '../../daemon/model/incident.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Header, Transaction } from '../../daemon/model/transaction.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { SensorWindows } from '../../daemon/telemetry/sensor-windows.ts'
import { fakeTelemetry } from '../fake-exchange.ts'
import { address, randomFrom, START, transaction, user } from './traffic.ts'

const DECLARATIONS = [regressionErrors, regressionLatency, regressionSecurity, regressionSilence]
const PATHS = ['/v1/products', '/v1/cart', '/v1/me', '/v1/orders']
const SHOP = 'api.shop.test'

/** What a service is like for a while. */
interface Manner {
  readonly errors?: number
  readonly slower?: number
  readonly headers?: readonly Header[]
  readonly refusals?: number
  /** Requests a second. */
  readonly rate?: number
  /** Default 40 people; `few`: six of them; `three`; `one`: a single caller. */
  readonly who?: 'people' | 'few' | 'three' | 'one' | 'strangers'
  readonly host?: string
  readonly status?: number | null
}

/** A service under the four detectors, with the incidents that come of it. */
class Estate {
  readonly random = randomFrom(7)
  set = this.#newSet()
  readonly book = new IncidentBook({ telemetry: fakeTelemetry(), rules: shippedPolicies().rules })
  readonly signals: Signal[] = []
  readonly opened: Incident[] = []
  latest: Incident | null = null
  closed = 0
  now: EventTime = START
  #ticked = 0
  readonly #windows = new SensorWindows()

  #newSet(): DetectorSet {
    return new DetectorSet(
      DECLARATIONS.map((declaration) => ({ declaration, options: {} })),
      fakeTelemetry(),
      (_, error) => {
        throw error
      },
    )
  }

  /** Goes on in another process, with what was learnt. */
  restart(): void {
    const next = this.#newSet()
    for (const part of this.set.parts()) {
      const into = next.parts().find(({ name }) => name === part.name)!
      for (const line of part.snapshot()) into.restore(JSON.parse(JSON.stringify(line)))
    }
    this.set = next
  }

  during(us: EventTime, ...manners: readonly Manner[]): this {
    const end = this.now + us
    const due = manners.map(() => this.now)
    while (this.now < end) {
      for (const [i, manner] of manners.entries()) {
        while (due[i]! <= this.now) {
          due[i]! += SECOND_US / (manner.rate ?? 1)
          this.#take(this.set.observe(this.#request(manner), this.now))
        }
      }
      this.now += SECOND_US / 4
      if (this.now - this.#ticked >= SECOND_US) this.#tick()
    }
    return this
  }

  release(version: string, commit: string | null = null): this {
    this.set.deployed({ id: version, service: SHOP, version, commit, at: this.now, who: 'ci' })
    return this
  }

  said(): string[] {
    return [...new Set(this.signals.filter(({ over }) => over !== true).map(({ detector }) => detector))]
  }

  #tick(): void {
    this.#ticked = this.now
    this.set.tick(this.now)
    this.#take(this.set.sense(this.#windows.take([], this.now)))
    this.#report(this.book.tick(this.now))
  }

  #take(signals: readonly Signal[]): void {
    for (const signal of signals) {
      this.signals.push(signal)
      this.#report(this.book.push(signal))
    }
  }

  #report(changes: ReturnType<IncidentBook['push']>): void {
    for (const { kind, incident } of changes) {
      if (kind === 'opened') this.opened.push(incident)
      this.latest = incident
      if (kind === 'closed') this.closed++
    }
  }

  #request({
    errors = 0.001,
    slower = 1,
    refusals = 0,
    headers = [],
    who = 'people',
    host = SHOP,
    status,
  }: Manner): Transaction {
    const { random } = this
    const path = PATHS[Math.floor(random() * PATHS.length)]!
    const caller = Math.floor(random() * (who === 'one' ? 1 : who === 'three' ? 3 : who === 'few' ? 6 : 40))
    const answer = random() < errors ? 500 : random() < refusals ? 403 : 200
    // Heavy tails, and endpoints of different kinds.
    const duration = (PATHS.indexOf(path) + 1) * 20_000 * Math.exp(0.6 * normal(random)) * slower
    return transaction({
      time: this.now,
      principal: who === 'strangers' ? address(`203.0.113.${caller}`) : user(`p${caller}`).principal,
      path,
      endpoint: `GET ${path}`,
      knownEndpoint: true,
      service: host,
      host,
      status: status === undefined ? answer : status,
      durationUs: status === null ? null : Math.round(duration),
      responseHeaders: headers,
    })
  }
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

const usual = (hours = 4) => new Estate().during(hours * HOUR_US, {})

describe('a service that fails', () => {
  test.each([
    ['half of the answers', 0.5, 'high', 3],
    ['one in eight', 0.12, 'medium', 5],
    ['one in 50, for a while', 0.02, 'low', 30],
  ])('%s: one incident', (_, errors, severity, minutes) => {
    const estate = usual().during(minutes * MINUTE_US, { errors, rate: 4 })
    expect(estate.opened.map(({ policy }) => policy)).toEqual(['regressions'])
    expect(estate.latest!.severity).toBe(severity)
    expect(estate.opened[0]!.subject).toMatchObject({ kind: 'service', value: SHOP, members: [] })
    expect(estate.opened[0]!.evidence.length).toBeGreaterThan(0)
  })

  test('after a release it is told sooner, and the release is named', () => {
    const estate = usual()
      .release('2.4.1', '9fceb02')
      .during(6 * MINUTE_US, { errors: 0.03, rate: 4 })
    expect(estate.opened).toHaveLength(1)
    expect(estate.opened[0]!.why).toMatch(/ are usual since release 2\.4\.1 \(9fceb02\)$/)
    expect(estate.opened[0]!.severity).toBe('medium')
    expect(estate.signals[0]!.evidence).toMatchObject({ release: '2.4.1', commit: '9fceb02', release_mark: '2.4.1' })
  })

  test('a version header tells of a release, too; one that always changes does not', () => {
    const version = (text: string): readonly Header[] => [['X-App-Version', text]]
    const estate = new Estate()
      .during(4 * HOUR_US, { headers: version('1.0') })
      .during(6 * MINUTE_US, { headers: version('1.1'), errors: 0.03, rate: 4 })
    expect(estate.opened.map(({ why }) => why)).toEqual([expect.stringContaining('since release 1.1')])
    const restless = usual()
    for (let i = 0; i < 30; i++) restless.during(10 * SECOND_US, { headers: version(`r${i}`) })
    restless.during(6 * MINUTE_US, { errors: 0.03, rate: 4 })
    expect(restless.opened).toEqual([])
  })

  test.each<[string, readonly Manner[], number]>([
    ['a dependency fails one in a hundred, for ten minutes', [{ errors: 0.01, slower: 4 }], 10],
    ['one caller makes it fail', [{}, { who: 'one', status: 500 }], 30],
    ['six callers make it fail, twenty times a second', [{}, { who: 'few', status: 500, rate: 20 }], 10],
    ['a burst of a minute that clients repeat', [{ errors: 0.2, rate: 4 }], 1.25],
    ['twice as much traffic, failing as usual', [{ rate: 8 }], 30],
    ['failures of a service nobody knows yet', [{ host: 'new.test', errors: 0.3 }], 20],
  ])('%s: nothing', (_, manners, minutes) => {
    const estate = usual().during(minutes * MINUTE_US, ...manners)
    expect(estate.opened.filter(({ detector }) => detector === 'regression.errors')).toEqual([])
  })

  test('an endpoint that always fails is usual, however much it is asked', () => {
    const estate = new Estate().during(6 * HOUR_US, { errors: 0.2 }).during(30 * MINUTE_US, { errors: 0.2, rate: 6 })
    expect(estate.opened).toEqual([])
  })

  test('a failing service teaches nothing: hours later it is still told', () => {
    const estate = usual().during(5 * HOUR_US, { errors: 0.3 })
    expect(estate.opened).toHaveLength(1)
    const late = estate.signals.filter(({ time }) => time > estate.now - 10 * MINUTE_US)
    expect(late.length).toBeGreaterThan(0)
    // An hour without it closes it; and it is a new day for the baseline.
    estate.during(90 * MINUTE_US, {})
    expect(estate.closed).toBe(1)
  })
})

describe('a service that is slow', () => {
  test.each([
    ['six times', 6, 30],
    ['half as long again, where half a day was seen', 1.5, 40],
  ])('%s as long as usual: one incident', (_, slower, minutes) => {
    const estate = usual(14).during(minutes * MINUTE_US, { slower })
    expect(estate.opened.map(({ detector, severity }) => [detector, severity])).toEqual([['regression.latency', 'low']])
    expect(estate.opened[0]!.why).toMatch(/takes \d\.\d times as long as usual for \d\d min/)
  })

  test('after a release in ten minutes, and named', () => {
    const estate = usual(14)
      .release('7')
      .during(16 * MINUTE_US, { slower: 2.5 })
    expect(estate.opened.map(({ severity }) => severity)).toEqual(['medium'])
    expect(estate.opened[0]!.why).toContain('since release 7')
  })

  test('a service with 45 answers in half an hour is told after a release, and not without one', () => {
    const estate = new Estate().during(10 * HOUR_US, { rate: 0.025 })
    expect(estate.signals.filter(({ over }) => over !== true)).toEqual([])
    estate.release('2.1').during(HOUR_US, { rate: 0.025, slower: 3 })
    expect(estate.said()).toEqual(['regression.latency'])
  })

  test('where only three ever ask, all of them must find it slow', () => {
    const three = { who: 'three', rate: 0.02 } as const
    const slow = new Estate()
      .during(14 * HOUR_US, three)
      .release('4')
      .during(75 * MINUTE_US, { ...three, slower: 4 })
    expect(slow.said()).toEqual(['regression.latency'])
    expect(slow.signals[0]!.why).toMatch(/to 3 callers, .* since release 4/)
    const oneOfThem = new Estate()
      .during(14 * HOUR_US, three)
      .release('4')
      .during(75 * MINUTE_US, three, { who: 'one', rate: 0.02, slower: 40 })
    expect(oneOfThem.said()).toEqual([])
  })

  test('a slow service teaches nothing: hours later it is still told', () => {
    const estate = usual(14).during(6 * HOUR_US, { slower: 3 })
    expect(estate.opened).toHaveLength(1)
    expect(estate.signals.at(-1)!.time).toBeGreaterThan(estate.now - 15 * MINUTE_US)
  })

  test('what was slow before a release is not its doing', () => {
    const estate = usual(14)
      .during(30 * MINUTE_US, { slower: 3 })
      .release('7')
      .during(20 * MINUTE_US, { slower: 3 })
    expect(estate.signals.every(({ why }) => !why.includes('since release'))).toBe(true)
    expect(estate.opened).toHaveLength(1)
  })

  test.each<[string, readonly Manner[], number]>([
    ['a dependency is slow for ten minutes', [{ slower: 4 }], 10],
    ['one caller asks for a lot', [{}, { who: 'one', slower: 50, rate: 4 }], 60],
    ['a tenth longer, for hours', [{ slower: 1.1 }], 180],
  ])('%s: nothing', (_, manners, minutes) => {
    expect(usual(14).during(minutes * MINUTE_US, ...manners).opened).toEqual([])
  })

  test('slow for a day is how it is now', () => {
    const estate = usual(14).during(27 * HOUR_US, { slower: 3, rate: 0.5 })
    const last = estate.signals.at(-1)!
    expect(last.time).toBeLessThan(estate.now - 2 * HOUR_US)
    estate.during(4 * HOUR_US, { slower: 3, rate: 0.5 })
    expect(estate.signals.at(-1)).toBe(last)
  }, 20_000)
})

describe('a service that guards itself less', () => {
  const GUARDED: readonly Header[] = [
    ['Strict-Transport-Security', 'max-age=31536000'],
    ['Access-Control-Allow-Origin', 'https://shop.test'],
    ['Cache-Control', 'private, no-store'],
    ['Set-Cookie', 'lang=de; Secure; HttpOnly'],
  ]
  const without = (name: string, ...instead: Header[]) => [...GUARDED.filter(([each]) => each !== name), ...instead]

  test.each<[string, readonly Header[], RegExp]>([
    ['a header is gone', without('Strict-Transport-Security'), /no strict-transport-security any more/],
    ['any page may read', without('Access-Control-Allow-Origin', ['Access-Control-Allow-Origin', '*']), /any web page/],
    ['caches may keep it', without('Cache-Control'), /may be kept by caches/],
    [
      'cookies lose a flag',
      without('Set-Cookie', ['Set-Cookie', 'lang=de; HttpOnly']),
      /cookies are set without Secure/,
    ],
  ])('%s: one incident that names the release', (_, headers, why) => {
    const estate = new Estate()
      .during(3 * HOUR_US, { headers: GUARDED })
      .release('3.0', 'c0ffee')
      .during(10 * MINUTE_US, { headers })
    expect(estate.opened.map(({ detector, severity }) => [detector, severity])).toEqual([
      ['regression.security', 'medium'],
    ])
    expect(estate.opened[0]!.why).toMatch(why)
    expect(estate.opened[0]!.why).toContain('since release 3.0 (c0ffee)')
  })

  test('a rolling release, after which all is as it was: nothing', () => {
    const estate = new Estate()
      .during(3 * HOUR_US, { headers: GUARDED })
      .release('3.0')
      .during(
        30 * MINUTE_US,
        { headers: GUARDED, rate: 0.37 },
        { headers: without('Strict-Transport-Security'), rate: 0.9 },
      )
      .during(HOUR_US, { headers: GUARDED })
    expect(estate.opened).toEqual([])
  })

  test('refusals that no longer come after a release; without one nothing is said', () => {
    const before = new Estate().during(5 * HOUR_US, { refusals: 0.2, rate: 2 })
    before.release('3.1').during(12 * MINUTE_US, { refusals: 0, rate: 3 })
    expect(before.opened.map(({ severity, why }) => [severity, why])).toEqual([
      ['high', expect.stringMatching(/refuses hardly anybody any more: 0 refusals .* since release 3\.1$/)],
    ])
    const quiet = new Estate().during(5 * HOUR_US, { refusals: 0.2, rate: 2 }).during(HOUR_US, { refusals: 0 })
    expect(quiet.opened).toEqual([])
  })

  test('hundreds of tokens that end at once teach no rate of refusals: after the next release nothing is missed', () => {
    const estate = new Estate()
      .during(5 * HOUR_US, { refusals: 0.001, rate: 2 })
      .during(10 * MINUTE_US, { refusals: 0.95, rate: 40 })
    estate
      .during(2 * HOUR_US, { refusals: 0.001, rate: 2 })
      .release('3.2')
      .during(HOUR_US, { refusals: 0.001, rate: 2 })
    expect(estate.opened).toEqual([])
  })
})

describe('a service that goes silent', () => {
  const other: Manner = { host: 'status.test', rate: 0.5 }

  test('while others go on: one incident without evidence, closed when it is back', () => {
    const estate = new Estate().during(3 * HOUR_US, {}, other).during(20 * MINUTE_US, other)
    expect(estate.opened.map(({ detector, severity, service }) => [detector, severity, service])).toEqual([
      ['regression.silence', 'medium', SHOP],
    ])
    expect(estate.opened[0]).toMatchObject({ evidence: [], subject: { kind: 'service', value: SHOP } })
    expect(estate.opened[0]!.why).toMatch(
      /has answered nothing for 1\d min, nor is it asked anything; 6\d answers a minute/,
    )
    estate.during(MINUTE_US, {}, other)
    expect(estate.closed).toBe(1)
  })

  test('that it is still asked is said', () => {
    const estate = new Estate().during(3 * HOUR_US, {}, other).during(16 * MINUTE_US, { status: null }, other)
    expect(estate.opened[0]!.why).toMatch(/though it was asked \d{3} times since its last answer/)
  })

  test('nothing at all comes any more: that is the mirror’s silence', () => {
    expect(new Estate().during(3 * HOUR_US, {}, other).during(20 * MINUTE_US).opened).toEqual([])
  })

  test('a mirror that is back shows its services one after the other; one that stays away is told', () => {
    const back = new Estate()
      .during(3 * HOUR_US, {}, other)
      .during(40 * MINUTE_US)
      .during(5 * MINUTE_US, other)
    expect(back.opened).toEqual([])
    expect(back.during(15 * MINUTE_US, other).opened).toHaveLength(1)
  })

  test('a service with three requests a minute is missed for an hour as well', () => {
    const estate = new Estate().during(8 * HOUR_US, { rate: 0.05 }, other).during(HOUR_US, other)
    expect(estate.opened).toHaveLength(1)
  })

  test('a service that is asked now and then: nothing', () => {
    expect(new Estate().during(3 * HOUR_US, { rate: 0.01 }, other).during(30 * MINUTE_US, other).opened).toEqual([])
  })
})

test('another process goes on with what was learnt', () => {
  const estate = usual(14).release('2.0')
  estate.restart()
  estate.during(16 * MINUTE_US, { slower: 3, errors: 0.3, rate: 2 })
  expect(estate.said().sort()).toEqual(['regression.errors', 'regression.latency'])
  expect(estate.opened).toHaveLength(1)
  expect(estate.opened[0]!.why).toContain('since release 2.0')
})

test('another process misses a service that falls silent, and knows how a service guarded itself', () => {
  const other: Manner = { host: 'status.test', rate: 0.5 }
  const headers: readonly Header[] = [['Strict-Transport-Security', 'max-age=31536000']]
  const estate = new Estate().during(3 * HOUR_US, { headers }, other)
  estate.restart()
  estate
    .release('3.0')
    .during(10 * MINUTE_US, {}, other)
    .during(20 * MINUTE_US, other)
  expect(estate.said().sort()).toEqual(['regression.security', 'regression.silence'])
  const forgetful = new Estate()
    .release('3.0')
    .during(10 * MINUTE_US, {}, other)
    .during(20 * MINUTE_US, other)
  expect(forgetful.said()).toEqual([])
})
