import { withOneMore } from '../model/small-list.ts'

const NONE: never[] = []

/** The first so many different values, in the order in which they came, and whether there were more. Most hold one, which needs no list. */
export class Few<Value extends string | number> {
  readonly #most: number
  #first: Value | undefined = undefined
  #others: Value[] = NONE
  more = false

  constructor(most: number) {
    this.#most = most
  }

  add(value: Value): void {
    if (value === this.#first) return
    if (this.#first === undefined) {
      this.#first = value
      return
    }
    const others = this.#others
    for (let i = 0; i < others.length; i++) if (others[i] === value) return
    if (others.length + 1 < this.#most) this.#others = withOneMore(others, value)
    else this.more = true
  }

  get values(): readonly Value[] {
    return this.#first === undefined ? NONE : [this.#first, ...this.#others]
  }

  get count(): number {
    return this.#first === undefined ? 0 : this.#others.length + 1
  }

  toState(): [Value[], boolean] {
    return [[...this.values], this.more]
  }

  /** Into one that holds none. */
  restore([values, more]: readonly [readonly Value[], boolean]): void {
    for (const value of values) this.add(value)
    this.more ||= more
  }
}

/** The same of 32-bit hashes. They are held signed, so that none needs a box of its own. */
export class FewHashes extends Few<number> {
  override add(hash: number): void {
    super.add(hash | 0)
  }

  override toState(): [number[], boolean] {
    const [hashes, more] = super.toState()
    return [hashes.map((hash) => hash >>> 0), more]
  }
}
