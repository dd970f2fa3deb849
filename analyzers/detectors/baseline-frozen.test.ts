import { describe, expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, MINUTE_US } from '../../daemon/model/time.ts'
import { transaction } from '../../test/conformance/traffic.ts'
import type { Detector } from '../detector.ts'
import { logTailOfCount } from './baseline-frozen/count-tail.ts'
import { baselineFrozen } from './baseline-frozen.ts'

const START = Date.UTC(2026, 10, 20) * 1000

/** One detector over hours of traffic, an hour in steps of ten minutes. */
class Watched {
  detector: Detector = baselineFrozen.create(baselineFrozen.options.parse({}))
  readonly signals: Signal[] = []
  now: EventTime = START
  #names = 0

  /** `suspects` new ones in each, found by one detector or by `kinds` of them in turn. */
  hours(count: number, suspects = 0, kinds = 1): this {
    for (let step = 0; step < 6 * count; step++) {
      this.now += 10 * MINUTE_US
      if (step % 6 === 0) {
        for (let i = 0; i < suspects; i++) {
          const name = `s${this.#names++}`
          this.detector.accuse!(name, `scan.${this.#names % kinds}`, `198.51.100.${this.#names}`, this.now)
          this.detector.suspect!(name, true, this.now)
        }
      }
      this.detector.tick(this.now)
      this.signals.push(...this.detector.sense!({ now: this.now, sources: [] }))
    }
    return this
  }

  /** So many requests of each of these callers. */
  asked(callers: number, requests: number, name = 'ada'): this {
    for (let i = 0; i < callers * requests; i++) {
      const principal = { kind: 'user' as const, id: `${name}${i % callers}`, display: '', via: 'jwt.sub', app: null }
      this.detector.observe(transaction({ time: this.now, principal }), this.now)
    }
    return this
  }

  restart(): this {
    const next = baselineFrozen.create(baselineFrozen.options.parse({}))
    for (const line of this.detector.snapshot!()) next.restore!(JSON.parse(JSON.stringify(line)))
    this.detector = next
    return this
  }

  get said(): string[] {
    return this.signals.map(({ subject, over }) => `${subject.value}${over === true ? ' over' : ''}`)
  }
}

describe('alarms set off again and again', () => {
  test('three new suspects of one detector an hour after a calm day are too many, and it is told when it is over', () => {
    const watched = new Watched().hours(30).hours(6, 3)
    expect(watched.said[0]).toBe('learning (provoked)')
    expect(watched.signals[0]).toMatchObject({ transactionId: null, severity: 'low' })
    expect(watched.signals[0]!.log10P).toBeLessThan(-7)
    expect(watched.signals[0]!.why).toMatch(
      /^1[25] new callers came under suspicion within 6 h, again and again, by scan\.0 alone, where 0 are usual/,
    )
    expect(watched.signals[0]!.evidence['seen_from']).toContain('198.51.100.3')
    expect(watched.hours(8).said.at(-1)).toBe('learning (provoked) over')
  })

  test.each([
    ['a single wave is an attack and not this', (watched: Watched) => watched.hours(30).hours(1, 60).hours(8)],
    ['many attackers of different kinds come together', (watched: Watched) => watched.hours(30).hours(12, 6, 5)],
    ['as many every day are usual', (watched: Watched) => watched.hours(96, 3)],
    ['a few are nothing', (watched: Watched) => watched.hours(30).hours(12, 1)],
    ['the first day says nothing', (watched: Watched) => watched.hours(8).hours(6, 4)],
  ])('twin: %s', (_, happens) => {
    expect(happens(new Watched()).said.filter((said) => said.startsWith('learning (provoked)'))).toEqual([])
  })

  test('goes on from its snapshot as if it had never stopped, and knows less without', () => {
    const begun = () => new Watched().hours(30).hours(3, 4)
    const expected = begun().hours(6, 4).signals
    expect(begun().restart().hours(6, 4).signals).toEqual(expected)
    const anew = begun()
    anew.detector = new Watched().detector
    expect(anew.hours(6, 4).signals).not.toEqual(expected)
  })
})

describe('many of the callers teach nothing', () => {
  /** `suspects` of three hundred callers, who ask for so much each. */
  const among = (suspects: number, requests: number) =>
    new Watched()
      .hours(1, suspects)
      .asked(300 - suspects, 2)
      .asked(suspects, requests, 's')
      .hours(1)

  test('four of ten are under suspicion, and it is the same after a restart', () => {
    const watched = among(120, 2)
    expect(watched.said[0]).toBe('learning (share)')
    expect(watched.signals[0]).toMatchObject({
      severity: 'medium',
      observed: expect.stringMatching(/^(?:39|40|41) %$/),
    })
    expect(among(120, 2).restart().hours(1).signals).toEqual(among(120, 2).hours(1).signals)
  })

  test('twin: a tenth, however much they ask for; and half of a few, as at night', () => {
    expect(among(30, 20).hours(5).said).toEqual([])
    expect(new Watched().hours(1, 50).asked(50, 2).asked(50, 2, 's').hours(5).said).toEqual([])
  })
})

test('learning that stands still for hours is told, and when it goes on; a short while is not', () => {
  const watched = new Watched()
  watched.detector.freeze!(true, watched.now)
  watched.hours(5).restart().hours(2)
  expect(watched.said).toEqual(['learning (still)', 'learning (still)'])
  watched.detector.freeze!(false, watched.now)
  expect(watched.hours(1).said.at(-1)).toBe('learning (still) over')
})

test('the tail of a count is a probability: whole at 0, falling, and longer where little is known', () => {
  expect(logTailOfCount(0, 3, 3)).toBe(0)
  const few = [5, 10, 20, 40].map((count) => logTailOfCount(count, 2, 2))
  expect(few).toEqual([...few].sort((a, b) => b - a))
  expect(logTailOfCount(20, 1, 1)).toBeGreaterThan(logTailOfCount(20, 100, 100))
  // Mean 3 known well: nearly Poisson, P(N >= 12) = 7.1e-5.
  expect(logTailOfCount(12, 30_000, 10_000)).toBeCloseTo(Math.log10(7.1e-5), 1)
})
