import { withOneMore } from '../model/small-list.ts'

/** The first so many different values, in the order in which they came, and whether there were more. */
export class Few<Value extends string | number> {
  readonly #most: number
  #values: Value[] = []
  more = false

  constructor(most: number) {
    this.#most = most
  }

  add(value: Value): void {
    const values = this.#values
    for (let i = 0; i < values.length; i++) if (values[i] === value) return
    if (values.length < this.#most) this.#values = withOneMore(values, value)
    else this.more = true
  }

  get values(): readonly Value[] {
    return this.#values
  }

  get count(): number {
    return this.#values.length
  }

  toState(): [Value[], boolean] {
    return [[...this.#values], this.more]
  }

  restore([values, more]: readonly [readonly Value[], boolean]): void {
    this.#values = values.slice(0, this.#most)
    this.more = more || values.length > this.#most
  }
}
