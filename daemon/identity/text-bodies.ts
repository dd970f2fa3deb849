import { isHarmlessJson } from './harmless-json.ts'
import type { Pseudonyms } from './pseudonym.ts'
import { isJsonType, redactBody } from './redact-body.ts'

/** Characters; a longer text is redacted without a look at its bytes. */
const MAX_LOOK = 65_536
/** Of UTF-8, for a unit of UTF-16. */
const MOST_BYTES = 3

/** Redacts bodies that come as text. Most JSON holds no secret, which its bytes tell in a quarter of the time. */
export class TextBodies {
  readonly #pseudonyms: Pseudonyms
  #bytes: Buffer | null = null

  constructor(pseudonyms: Pseudonyms) {
    this.#pseudonyms = pseudonyms
  }

  redact(text: string, contentType: string | null, place: 'request' | 'response'): string {
    if (text === '') return text
    if (text.length <= MAX_LOOK && isJsonType(contentType)) {
      this.#bytes ??= Buffer.allocUnsafeSlow(MAX_LOOK * MOST_BYTES)
      const length = this.#bytes.write(text, 0, 'utf8')
      if (isHarmlessJson(this.#bytes.subarray(0, length), place, this.#pseudonyms)) return text
    }
    return redactBody(text, contentType, place, this.#pseudonyms)
  }

  /** Forgets what was looked at last. */
  close(): void {
    this.#bytes = null
  }
}
