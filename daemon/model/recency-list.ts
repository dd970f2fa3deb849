/** What a member of a RecencyList carries: its neighbours. Only the list writes them. */
export interface Linked<Member> {
  older: Member | null
  newer: Member | null
}

/**
 * Members from the least to the most recently used; every operation is O(1).
 *
 * A Map alone also keeps this order, but finding its first entry walks all that were deleted before it, so that a
 * flood of new keys over a full map costs the square of its length (measured: 46 % of all CPU at 200,000 keys).
 */
export class RecencyList<Member extends Linked<Member>> {
  #oldest: Member | null = null
  #newest: Member | null = null

  get oldest(): Member | null {
    return this.#oldest
  }

  get newest(): Member | null {
    return this.#newest
  }

  /** Adds a member that is in no list, as the most recently used. */
  append(member: Member): void {
    member.older = this.#newest
    member.newer = null
    if (this.#newest === null) this.#oldest = member
    else this.#newest.newer = member
    this.#newest = member
  }

  remove(member: Member): void {
    if (member.older === null) this.#oldest = member.newer
    else member.older.newer = member.newer
    if (member.newer === null) this.#newest = member.older
    else member.newer.older = member.older
    member.older = null
    member.newer = null
  }

  /** Makes a member the most recently used. */
  refresh(member: Member): void {
    if (member === this.#newest) return
    this.remove(member)
    this.append(member)
  }

  clear(): void {
    this.#oldest = null
    this.#newest = null
  }
}
