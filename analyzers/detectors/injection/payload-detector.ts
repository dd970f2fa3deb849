import { z } from 'zod'
import type { Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { PayloadMark, Transaction } from '../../../daemon/model/transaction.ts'
import type { Occupancy } from '../../baselines/keyed-table.ts'
import { type Detector, type DetectorDeclaration, defineDetector } from '../../detector.ts'
import { DETECTOR_TAGS, type DetectorId } from '../../detector-ids.ts'
import type { Accumulated } from '../../payloads/faint-marks.ts'
import { maturityOf, PayloadContext } from '../../payloads/payload-context.ts'
import type { Judgement } from '../../payloads/payload-habits.ts'
import { isLeak } from '../../payloads/payload-signs.ts'
import { leakSignal, payloadSignal } from './payload-finding.ts'
import { outcomeOf } from './payload-outcome.ts'

const Options = z.strictObject({
  report: z
    .number()
    .gt(0)
    .lt(1)
    .default(1e-3)
    .describe('p-value from which a payload is a signal, after what its field normally carries'),
})

/** One class of payloads, as it is told to people. */
export interface PayloadKind {
  readonly id: DetectorId
  /** As in the mark. */
  readonly class: string
  /** The mark's rules that are meant; default: all of the class. */
  readonly rules?: ReadonlySet<string>
  /** Class of leaks that an answer is told for instead, when it has both. */
  readonly besides?: string
  /** `SQL injection`. */
  readonly name: string
  readonly title: string
  readonly detects: string
  readonly traps: string
}

/** From this on an attack explains what the answer gives away. */
const EXPLAINS_LEAK = 7

/** Reports the marks of one class that their fields do not explain. */
class PayloadDetector implements Detector {
  readonly #kind: PayloadKind
  /** Natural log of the odds from which a mark is a signal. */
  readonly #report: number
  readonly #context: PayloadContext
  /** Nobody else keeps the context up to date. */
  readonly #alone: boolean

  constructor(kind: PayloadKind, report: number, shared: PayloadContext | undefined) {
    this.#kind = kind
    this.#report = -Math.log(report)
    this.#context = shared ?? new PayloadContext()
    this.#alone = shared === undefined
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    if (this.#alone) this.#context.observe(tx, now)
    if (tx.marks.length === 0) return null
    let strongest: PayloadMark | null = null
    let judgement: Judgement | null = null
    let count = 0
    let together: Accumulated | null = null
    for (const mark of tx.marks) {
      if (mark.kind !== 'payload' || mark.class !== this.#kind.class) continue
      if (this.#kind.rules !== undefined && !this.#kind.rules.has(mark.rule)) continue
      const judged = this.#context.judge(tx, mark)
      if (judged.logOdds < this.#report) {
        // Of answers nothing adds up: they are about the endpoint.
        if (strongest !== null || isLeak(mark)) continue
        together = this.#context.accumulate(tx, mark, judged, now)
        if (together === null) continue
        strongest = mark
        judgement = { ...judged, logOdds: together.logOdds }
        count = 1
        continue
      }
      if (together !== null) {
        together = null
        judgement = null
        count = 0
      }
      count++
      if (judgement !== null && judged.logOdds <= judgement.logOdds) continue
      strongest = mark
      judgement = judged
    }
    if (strongest === null || judgement === null) return null
    const maturity = maturityOf(judgement.callers)
    if (!isLeak(strongest)) {
      const isFollowUp = this.#context.isFollowUp(strongest)
      const outcome = outcomeOf(tx, strongest, this.#context.answerLooks, isFollowUp)
      const marks = { count, fields: together?.fields ?? 1 }
      return payloadSignal(this.#kind, tx, strongest, judgement, outcome, marks, maturity, now)
    }
    // What a payload brought out is told with the payload.
    return this.#isAttacked(tx) || this.#isToldElsewhere(tx)
      ? null
      : leakSignal(this.#kind, tx, strongest, judgement, maturity, now)
  }

  tick(now: EventTime): void {
    if (this.#alone) this.#context.tick(now)
  }

  suspect(caller: string, open: boolean, now: EventTime): void {
    if (this.#alone) this.#context.suspect(caller, open, false, now)
  }

  pardon(caller: string, now: EventTime): void {
    if (this.#alone) this.#context.pardon(caller, now)
  }

  freeze(frozen: boolean, now: EventTime): void {
    if (this.#alone) this.#context.freeze(frozen, now)
  }

  sizes(): Readonly<Record<string, Occupancy>> {
    return this.#context.sizes()
  }

  maturity(): number {
    return this.#context.maturity()
  }

  #isToldElsewhere(tx: Transaction): boolean {
    const { besides } = this.#kind
    if (besides === undefined) return false
    return tx.marks.some(
      (mark) =>
        mark.kind === 'payload' && mark.class === besides && this.#context.judge(tx, mark).logOdds >= this.#report,
    )
  }

  #isAttacked(tx: Transaction): boolean {
    return tx.marks.some(
      (mark) => mark.kind === 'payload' && !isLeak(mark) && this.#context.judge(tx, mark).logOdds >= EXPLAINS_LEAK,
    )
  }
}

const OF_REQUESTS =
  'Fields of the message are unwrapped (percent, entities, escapes, base64, to a fixpoint) and read as the interpreter would that the attack is meant for; each rule that fires has shipped log-odds. What the field normally carries judges them: with k of n callers of the endpoint whose ordinary requests trip the rule in this field, the benign probability is (k + 20 p0) / (n + 20). A rule that fires for many callers of a field stops mattering there, as far as it fires no more clearly than it did for them; one that never fired for a thousand matters more, unless others do: then the field is for texts. A faint mark in a field that nearly all callers fill with numbers, identifiers, dates or words, in a value that is none, counts by how few of them used such characters. The strongest mark of a request counts; fainter ones add up by caller, over fields and a day. Whether it worked is read from the answer: status, database errors, stack traces, files, an unescaped echo, the delay that was asked for, a size that no other answer of the endpoint has, the more so when the same caller sent less of it before and was answered oddly.'
const OF_ANSWERS =
  'Answers with 4xx and 5xx, all that is no JSON, the beginning of the rest, and every answer to a request that had a payload are looked through for what such a leak looks like; each rule has shipped log-odds. What the endpoint normally answers judges them: with k of n callers who were given the like in ordinary requests, the benign probability is (k + 20 p0) / (n + 20), so a page that shows such things to many stops mattering, and one that never did matters more. A signal is about the endpoint, whoever asked it.'

/** The declaration of a class: all have the same statistic, and one context together. */
export function payloadDetector(kind: PayloadKind): DetectorDeclaration<typeof Options> {
  const { id, title, detects, traps } = kind
  const { owasp, attack } = DETECTOR_TAGS[id]
  return defineDetector({
    id,
    title,
    owasp,
    attack,
    reads: 'payloads',
    describes: {
      detects,
      statistic: kind.class.startsWith('leak_') ? OF_ANSWERS : OF_REQUESTS,
      memory:
        'One context for all payload detectors: 4,096 callers with faint marks, 4,096 endpoints, 16,384 pairs of field and rule, at most 4 KiB each and usually 300 B, 8,192 fields with what they carry (counts, no values); newcomers push out newcomers, evictions are counted.',
      warmUp:
        'None: works from the first request on the shipped odds. A field speaks for itself once 5 callers in good standing tripped a rule in it, or a crowd of 10 from 3 networks; each caller has one vote, from requests answered 2xx or 3xx, after a quarantine of 15 minutes. Nothing is learnt while the sensor is blind.',
      traps,
      tuning:
        'report says how unlikely a payload must be in its field to be a signal; whether it opens an incident is the budget of its policy. Raise budget.keysPerWeek there for fewer incidents.',
    },
    options: Options,
    create: ({ report }, shared) => new PayloadDetector(kind, report, shared),
  })
}
