import { createHash } from 'node:crypto'

/** A line of a file that is longer is none of ours. */
const MAX_LINE_BYTES = 4 * 1024 * 1024
const NEWLINE = 0x0a

/** Why lines are not what was written. */
export class TornLines extends Error {}

/** Lines (without their ends) as parts of text of about `size` characters, the last of which ends with a seal: how many there were, and their hash. */
export function* sealedParts(lines: Iterable<string>, size: number): Generator<string> {
  const hash = createHash('sha256')
  let count = 0
  let text = ''
  for (const line of lines) {
    text += `${line}\n`
    count++
    if (text.length < size) continue
    hash.update(text)
    yield text
    text = ''
  }
  hash.update(text)
  yield `${text}${JSON.stringify({ end: count, sha256: hash.digest('hex') })}\n`
}

/** The lines of such a text, without the seal. Throws TornLines, at the end at the latest, when it is not whole: read it to its end before you believe it. */
export async function* sealedLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const hash = createHash('sha256')
  let count = 0
  let sealed = false
  for await (const line of splitLines(chunks)) {
    if (sealed) throw new TornLines('something follows its end')
    const text = line.toString('utf8')
    const seal = sealOf(text)
    if (seal === null) {
      hash.update(line).update('\n')
      count++
      yield text
      continue
    }
    if (seal.end !== count || seal.sha256 !== hash.digest('hex')) throw new TornLines('its checksum is wrong')
    sealed = true
  }
  if (!sealed) throw new TornLines('its end is missing')
}

function sealOf(text: string): { readonly end: unknown; readonly sha256: unknown } | null {
  if (!text.startsWith('{"end":')) return null
  try {
    return JSON.parse(text) as { end: unknown; sha256: unknown }
  } catch {
    throw new TornLines('its end cannot be read')
  }
}

async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const piece = chunk.subarray(from, end)
      yield rest.length === 0 ? piece : Buffer.concat([...rest, piece])
      rest = []
      restBytes = 0
      from = end + 1
    }
    if (from === chunk.length) continue
    rest.push(from === 0 ? chunk : chunk.subarray(from))
    restBytes += chunk.length - from
    if (restBytes > MAX_LINE_BYTES) throw new TornLines('a line is too long')
  }
  if (restBytes > 0) throw new TornLines('its last line is torn')
}
