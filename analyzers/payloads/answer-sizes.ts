/** Answers that are known before one of them is held against the others. */
const LEAST_ANSWERS = 3
/** A page that repeats what it was asked varies by as much. */
const SLACK_SHARE = 0.1
const SLACK_BYTES = 256

/** As the others were; of a size that none had; or too few are known to say so. */
export type AnswerLooks = 'as_usual' | 'unlike' | 'unknown'

export type AnswerSizesState = readonly [count: number, least: number, most: number]

/**
 * How long the answers with 2xx of an endpoint are, whatever was asked. Where everything is answered alike, that a payload was answered says
 * nothing of what it did.
 */
export class AnswerSizes {
  #count = 0
  #least = 0
  #most = 0

  looks(bytes: number): AnswerLooks {
    if (this.#count < LEAST_ANSWERS) return 'unknown'
    const slack = Math.max(SLACK_BYTES, this.#most * SLACK_SHARE)
    return bytes >= this.#least - slack && bytes <= this.#most + slack ? 'as_usual' : 'unlike'
  }

  learn(bytes: number): void {
    if (this.#count === 0) {
      this.#least = bytes
      this.#most = bytes
    } else if (bytes < this.#least) this.#least = bytes
    else if (bytes > this.#most) this.#most = bytes
    if (this.#count < LEAST_ANSWERS) this.#count++
  }

  toState(): AnswerSizesState {
    return [this.#count, this.#least, this.#most]
  }

  static fromState(state: unknown): AnswerSizes {
    const sizes = new AnswerSizes()
    if (!Array.isArray(state) || state.length !== 3 || !state.every(isSize))
      throw new TypeError('sizes of answers are three whole numbers')
    const [count, least, most] = state as number[]
    sizes.#count = Math.min(count!, LEAST_ANSWERS)
    sizes.#least = least!
    sizes.#most = most!
    return sizes
  }
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
