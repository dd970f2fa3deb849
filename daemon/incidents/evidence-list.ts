import type { EvidenceRef, Signal } from '../model/signal.ts'

/** Evidence kept: how it began, and the newest; what lies between is in the count. */
const FIRST_EVIDENCE = 60
const LAST_EVIDENCE = 40
const MAX_KNOWN = 200
const WHOLE_SHARE = 0.9

/** Transactions gathered, bounded, in order, each once. */
export class EvidenceList {
  readonly #first: EvidenceRef[] = []
  #last: EvidenceRef[] = []
  /** Ids of the newest, to know a repeat by: a run-up is told again with each signal that rests on it. */
  readonly #known = new Set<string>()
  count = 0
  #whole = 0

  /** As it was when it was reported. */
  static restore(refs: readonly EvidenceRef[], count: number, completeness: number): EvidenceList {
    const list = new EvidenceList()
    for (const ref of refs) list.add(ref)
    list.count = Math.max(count, list.count)
    list.#whole = Math.round(completeness * list.count)
    return list
  }

  /** Whether it is among the newest. */
  has(transactionId: string): boolean {
    return this.#known.has(transactionId)
  }

  add(ref: EvidenceRef): void {
    if (this.has(ref.transactionId)) return
    this.#remember(ref.transactionId)
    this.count++
    if (ref.whole !== false) this.#whole++
    if (this.#first.length < FIRST_EVIDENCE) this.#first.push(ref)
    else {
      if (this.#last.length >= LAST_EVIDENCE) this.#last.shift()
      this.#last.push(ref)
    }
  }

  addSignal(signal: Signal): void {
    for (const ref of signal.evidenceBefore) this.add(ref)
    if (signal.transactionId === null) return
    const { transactionId, status } = signal
    this.add({ transactionId, time: signal.transactionTime ?? signal.time, status, whole: signal.whole !== false })
  }

  addList(other: EvidenceList): void {
    for (const ref of other.refs()) this.add(ref)
  }

  #remember(id: string): void {
    this.#known.add(id)
    if (this.#known.size <= MAX_KNOWN) return
    const oldest = this.#known.values().next()
    if (oldest.done !== true) this.#known.delete(oldest.value)
  }

  refs(): EvidenceRef[] {
    return [...this.#first, ...this.#last]
  }

  /** Nearly all was seen whole. Not all: one reset by the attacker would otherwise keep every action away. */
  get isWhole(): boolean {
    return this.#whole >= WHOLE_SHARE * this.count
  }

  get completeness(): number {
    return this.count === 0 ? 1 : this.#whole / this.count
  }
}
