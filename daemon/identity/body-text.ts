import { isUtf8 } from 'node:buffer'

/** A body as text. `binary` and `latin1` say what became of bytes that are no UTF-8. */
export interface BodyText {
  readonly text: string
  readonly binary: boolean
  readonly latin1: boolean
}

export const NO_TEXT: BodyText = { text: '', binary: false, latin1: false }
const BINARY: BodyText = { text: '', binary: true, latin1: false }

const BINARY_TYPE =
  /^(?:image\/(?!svg)|video\/|audio\/|font\/|application\/(?:octet-stream|zip|gzip|pdf|x-protobuf|protobuf|grpc|msgpack|x-msgpack|vnd\.ms-|wasm|cbor))/
const TEXT_TYPE = /^text\/|json|xml|urlencoded|javascript|graphql|yaml|csv|multipart\//

/** Decoded bytes as text; `cut` allows for a character that the end cuts in two. */
export function textOf(bytes: Buffer, contentType: string | null, cut: boolean): BodyText {
  if (bytes.length === 0) return NO_TEXT
  const type = contentType === null ? '' : contentType.toLowerCase()
  if (BINARY_TYPE.test(type)) return BINARY
  const whole = cut ? bytes.subarray(0, characterEnd(bytes)) : bytes
  if (isUtf8(whole)) {
    return whole.includes(0) && !TEXT_TYPE.test(type) ? BINARY : { text: whole.toString('utf8'), binary: false, latin1: false }
  }
  return TEXT_TYPE.test(type) ? { text: bytes.toString('latin1'), binary: false, latin1: true } : BINARY
}

/** Where the last whole UTF-8 character ends: an unfinished one is at most three bytes long (RFC 3629 §3). */
function characterEnd(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!
    if (byte < 0x80) return bytes.length
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return length > back ? bytes.length - back : bytes.length
    }
  }
  return bytes.length
}
