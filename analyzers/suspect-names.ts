import { z } from 'zod'
import type { Signal } from '../daemon/model/signal.ts'
import { principalKey } from './baselines/principal-key.ts'
import { text } from './baselines/state.ts'
import { shownAs } from './finding.ts'

const MAX_NAMES = 8192
/** Name, caller. */
const NameState = z.tuple([text, text])

/**
 * Whose lessons an incident is about. Incidents name their subject as people read it (a user's display, the account that was
 * guessed at); detectors know callers by principalKey. Remembers the last 8,192 names that signals gave.
 */
export class SuspectNames {
  readonly #callers = new Map<string, string>()

  note({ principal, subject, evidence }: Signal): void {
    const caller = principalKey(principal)
    this.#set(`${principal.kind}:${shownAs(principal)}`, caller)
    // Guessing is done by a source, whoever the account belongs to.
    const { source, source_kind: kind } = evidence
    const guesser = kind === 'ip' && typeof source === 'string' ? source : caller
    if (typeof source === 'string') this.#set(`${String(kind)}:${source}`, guesser)
    this.#set(`${subject.kind}:${subject.value}`, guesser)
  }

  callerOf(subject: { readonly kind: string; readonly value: string }): string {
    return this.#callers.get(`${subject.kind}:${subject.value}`) ?? subject.value
  }

  *snapshot(): IterableIterator<z.infer<typeof NameState>> {
    yield* [...this.#callers]
  }

  restore(line: unknown): void {
    this.#set(...NameState.parse(line))
  }

  clear(): void {
    this.#callers.clear()
  }

  #set(name: string, caller: string): void {
    this.#callers.delete(name)
    if (this.#callers.size >= MAX_NAMES) {
      const oldest = this.#callers.keys().next()
      if (oldest.done !== true) this.#callers.delete(oldest.value)
    }
    this.#callers.set(name, caller)
  }
}
