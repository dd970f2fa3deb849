import { type Linked, RecencyList } from '../model/recency-list.ts'

/** Records by key, at most `limit`; the one used longest ago makes room, and its owner is told. */
export class RecentTable<Member extends Linked<Member> & { readonly key: string }> {
  readonly limit: number
  readonly #members = new Map<string, Member>()
  readonly #order = new RecencyList<Member>()
  readonly #forgotten: (member: Member) => void
  evicted = 0

  constructor(limit: number, forgotten: (member: Member) => void = () => undefined) {
    this.limit = limit
    this.#forgotten = forgotten
  }

  get size(): number {
    return this.#members.size
  }

  /** Now the most recently used. */
  get(key: string): Member | undefined {
    const member = this.#members.get(key)
    if (member !== undefined) this.#order.refresh(member)
    return member
  }

  add(member: Member): void {
    this.#members.set(member.key, member)
    this.#order.append(member)
    if (this.#members.size <= this.limit) return
    const oldest = this.#order.oldest!
    this.remove(oldest)
    this.evicted++
    this.#forgotten(oldest)
  }

  remove(member: Member): void {
    this.#members.delete(member.key)
    this.#order.remove(member)
  }

  /** From the one used longest ago. */
  list(): Member[] {
    const members: Member[] = []
    for (let member = this.#order.oldest; member !== null; member = member.newer) members.push(member)
    return members
  }
}
