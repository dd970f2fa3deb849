/** Numbers that the smallest lists have room for; each further size holds twice as many. */
const SMALLEST = 2
const SIZES = 8
/** No list begins here. */
const NOWHERE = 0

/**
 * Very many lists of a few numbers each, in one typed array: an array of its own takes 64 bytes before its first number, is moved
 * twice by the garbage collector before it is old, and once more each time that it grows. Who owns a list keeps where it begins and how
 * long it is, and gives it back.
 *
 * Memory     8 B a number, with room for up to twice as many; what is given back is kept for lists of that size
 */
export class NumberLists {
  static readonly longest = SMALLEST << (SIZES - 1)
  /** A list stands from where it begins. *Borrowed*: `push` may put another in its place. */
  numbers = new Float64Array(256)
  #end = SMALLEST
  /** Where the first of those given back begins, by size; the place of the next is its first number. */
  readonly #free = new Array<number>(SIZES).fill(NOWHERE)

  /** Adds to the end of a list; where it begins from now on. Of an empty one it is all the same where it began. */
  push(at: number, length: number, value: number): number {
    const to = length === 0 ? this.#take(0) : isFull(length) ? this.#move(at, length) : at
    this.numbers[to + length] = value
    return to
  }

  /** Leaves out the first of a list that holds any and adds to its end. */
  shift(at: number, length: number, value: number): void {
    this.numbers.copyWithin(at, at + 1, at + length)
    this.numbers[at + length - 1] = value
  }

  release(at: number, length: number): void {
    if (length > 0) this.#giveBack(at, sizeOf(length))
  }

  toArray(at: number, length: number): number[] {
    return length === 0 ? [] : Array.from(this.numbers.subarray(at, at + length))
  }

  #take(size: number): number {
    const free = this.#free[size]!
    if (free !== NOWHERE) {
      this.#free[size] = this.numbers[free]!
      return free
    }
    const at = this.#end
    this.#end += SMALLEST << size
    if (this.#end > this.numbers.length) {
      const numbers = new Float64Array(2 * this.numbers.length)
      numbers.set(this.numbers)
      this.numbers = numbers
    }
    return at
  }

  /** To where there is room for one more. */
  #move(at: number, length: number): number {
    const to = this.#take(sizeOf(length + 1))
    const { numbers } = this
    for (let i = 0; i < length; i++) numbers[to + i] = numbers[at + i]!
    this.#giveBack(at, sizeOf(length))
    return to
  }

  #giveBack(at: number, size: number): void {
    this.numbers[at] = this.#free[size]!
    this.#free[size] = at
  }
}

function isFull(length: number): boolean {
  return length >= SMALLEST && (length & (length - 1)) === 0
}

/** Of the block that a list of so many stands in. */
function sizeOf(length: number): number {
  return length <= SMALLEST ? 0 : 31 - Math.clz32(length - 1)
}
