import { decodeBody } from '../http/body.ts'
import type { Message } from '../http/exchange.ts'
import type { HttpLimits } from '../http/limits.ts'
import { isText, utf8Of } from '../http/text.ts'
import type { JsonText } from '../model/json-text.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import type { Weird } from '../telemetry/weirds.ts'
import { jsonVectors } from './harmless-json.ts'

/** A body as text, and what became of it on the way. */
export interface BodyText {
  readonly text: string
  /** It is no text: then `text` is empty. */
  readonly binary: boolean
  /** Something of it is missing. */
  readonly cut: boolean
  readonly weirds: readonly Weird[]
  /** Writes `text` as JSON, where that costs less than making it. */
  writeText?(out: JsonText): void
}

export const NO_TEXT: BodyText = { text: '', binary: false, cut: false, weirds: [] }
const BINARY: BodyText = { text: '', binary: true, cut: false, weirds: [] }

/** The text of a body that came as UTF-8: made only for who wants it as a string. */
export class Utf8Text implements BodyText {
  readonly bytes: Buffer
  readonly binary = false
  readonly cut: boolean
  readonly weirds: readonly Weird[]
  #text: string | null = null

  constructor(bytes: Buffer, cut: boolean, weirds: readonly Weird[]) {
    this.bytes = bytes
    this.cut = cut
    this.weirds = weirds
  }

  get text(): string {
    this.#text ??= this.bytes.toString('utf8')
    return this.#text
  }

  writeText(out: JsonText): void {
    const vectors = jsonVectors()
    if (vectors === null) out.string(this.text)
    else vectors.write(this.bytes, out)
  }
}

/** Decoded text of a message that is not redacted yet. */
export function bodyText(message: Message, limits: HttpLimits, telemetry: Telemetry): BodyText {
  if (message.body === null) return message.bodyBytes > 0 ? { ...NO_TEXT, cut: true } : NO_TEXT
  // With a hole in it, a name and its secret may have come apart: then nothing of the body can be vouched for.
  if (message.gap) return { ...NO_TEXT, cut: true }
  const { bytes, truncated, weirds } = decodeBody(message, limits, telemetry)
  const cut = truncated.length > 0
  if (bytes.length === 0) return cut ? { text: '', binary: false, cut, weirds } : NO_TEXT
  // With NULs, as UTF-16 and the like have them, names of fields cannot be told, so neither can secrets.
  if (bytes.includes(0) || !isText(message.head.header('content-type'), bytes))
    return cut || weirds.length > 0 ? { ...BINARY, cut, weirds } : BINARY
  const utf8 = utf8Of(bytes)
  if (utf8 !== null) return utf8.length === 0 ? { ...NO_TEXT, cut, weirds } : new Utf8Text(utf8, cut, weirds)
  return { text: bytes.toString('latin1'), binary: false, cut, weirds: [...weirds, 'text.latin1'] }
}
