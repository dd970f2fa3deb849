import type { Severity } from '../../../daemon/model/signal.ts'
import type { PayloadMark, Transaction } from '../../../daemon/model/transaction.ts'
import type { AnswerLooks } from '../../payloads/answer-sizes.ts'
import { isDelayed } from '../../payloads/payload-signs.ts'

/** What became of a payload, as far as its answer shows. */
export interface PayloadOutcome {
  /** P(it did what it was meant for), 0..1. */
  readonly pSuccess: number
  readonly severity: Severity
  /** What in the answer says so. */
  readonly signs: readonly string[]
}

/** What an answer gives away, how likely it is then that the payload worked, and in words. */
const LEAKS: ReadonlyMap<string, readonly [pSuccess: number, sign: string]> = new Map([
  ['leak_sql_error', [0.8, 'a database error in the answer']],
  ['leak_stack', [0.5, 'a stack trace in the answer']],
  ['leak_source', [0.97, 'the content of a file in the answer']],
  ['leak_listing', [0.6, 'a directory listing in the answer']],
  ['leak_secret', [0.9, 'a secret in the answer']],
])
/** What a program prints that shows who and where it is: nobody is told so but by running it. */
const PROGRAM_OUTPUT = new Set(['id', 'whoami', 'dir', 'ls', 'uname'].map((name) => `leak_source.${name}`))
/** Of payloads that read files or run programs; for others the same file is in the answer for another reason. */
const READS_FILES = new Set(['traversal', 'lfi', 'rfi', 'xxe', 'command', 'code', 'ssti', 'ssrf', 'sqli'])
const P_DELAYED = 0.9
const P_UNLIKE = 0.3
/** Where all answers are alike, one says little. */
const P_ALIKE = 0.05
const P_REFLECTED = 0.7
/** Of what speaks against success, so much is left when an answer unlike the others is the second odd one, to more of the same payload. */
const DOUBT_OF_FOLLOW_UP = 0.5

/** `looks`: its answer, beside others of the endpoint; `isFollowUp`: the caller had an odd answer to less of the same. */
export function outcomeOf(tx: Transaction, mark: PayloadMark, looks: AnswerLooks, isFollowUp: boolean): PayloadOutcome {
  const signs: string[] = []
  let pSuccess = byStatus(tx.status, looks)
  const note = (p: number, sign: string) => {
    pSuccess = Math.max(pSuccess, p)
    signs.push(sign)
  }
  if (isDelayed(tx, mark)) note(P_DELAYED, `an answer after ${tx.durationUs! / 1e6} s, the delay it asks for`)
  if (mark.reflected && mark.class === 'xss') note(P_REFLECTED, 'the value comes back unescaped')
  if (looks === 'unlike' && tx.status !== null && tx.status < 300)
    note(P_UNLIKE, `an answer of ${tx.responseBodyBytes} bytes, a size that no other has here`)
  for (const other of tx.marks) {
    const leak = other.kind === 'payload' ? LEAKS.get(other.class) : undefined
    if (leak === undefined) continue
    const [p] = leak
    const sign = PROGRAM_OUTPUT.has(other.kind === 'payload' ? other.rule : '')
      ? 'the output of a program in the answer'
      : leak[1]
    if (!signs.includes(sign)) note(READS_FILES.has(mark.class) ? p : Math.min(p, 0.5), sign)
  }
  if (isFollowUp && looks === 'unlike' && tx.status !== null && tx.status < 300)
    note(1 - (1 - pSuccess) * DOUBT_OF_FOLLOW_UP, 'after less of the same that was answered oddly')
  return { pSuccess, severity: severityOf(pSuccess), signs }
}

/** Refused; answered, which most applications do with anything, and this one did alike; broken by it, perhaps; never answered. */
function byStatus(status: number | null, looks: AnswerLooks): number {
  if (status === null) return 0.1
  if (status >= 500) return 0.3
  if (status >= 400) return 0.02
  return looks === 'as_usual' ? P_ALIKE : 0.15
}

function severityOf(pSuccess: number): Severity {
  if (pSuccess >= 0.95) return 'critical'
  if (pSuccess >= 0.5) return 'high'
  return pSuccess >= 0.1 ? 'medium' : 'low'
}
