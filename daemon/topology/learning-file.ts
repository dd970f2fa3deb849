import { createReadStream, read } from 'node:fs'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import { z } from 'zod'
import { sealedLines, TornLines } from '../durable/sealed-lines.ts'
import { type PrivacyKey, takesKey } from '../identity/privacy-key.ts'
import type { LearningPart } from '../model/learning.ts'
import type { EventTime } from '../model/time.ts'
import type { TopicCover } from '../model/topic-cover.ts'

/**
 * What is learnt, in a file: JSON Lines in gzip, sealed by a checksum.
 *
 *     {"learning":1,"key_id":"k1"}
 *     {"part":"scan.probing","version":1}     then its lines, each a JSON array; part after part
 *     {"covers":{"now":…,"topics":[…]}}       how far it was learnt
 *     {"end":<lines>,"sha256":"…"}
 *
 * Parts are made while traffic is read, one line after the other, so `covers` says how far things were at the end: what was
 * read meanwhile may be missing in a line that was written before, and is never learnt twice.
 */
const VERSION = 1
/** All that the limits allow is about 200 MB; what unpacks to more is none of ours. */
const MAX_BYTES = 2 * 1024 * 1024 * 1024
const PIECE_BYTES = 64 * 1024

const readAt = promisify(read)

const Head = z.object({ learning: z.int(), key_id: z.string() })
const PartHead = z.object({ part: z.string(), version: z.int() })
const offset = z.number().int().min(0)
const TopicLine: z.ZodType<TopicCover> = z.object({
  group: z.string(),
  topic: z.string(),
  partition: offset,
  reach: offset,
  open: z.array(offset).max(200_000),
})
const CoversLine = z.object({
  covers: z.object({ now: z.number().min(0).max(1e16).nullable(), topics: z.array(TopicLine) }),
})

/** How far it was learnt. */
export interface Covers {
  /** Event time; null before the first record. */
  readonly now: EventTime | null
  readonly topics: readonly TopicCover[]
}

/** What a file says of itself. */
export interface LearningOutline {
  readonly keyId: string
  readonly now: EventTime | null
  readonly parts: readonly {
    readonly name: string
    readonly version: number
    readonly lines: number
    readonly bytes: number
  }[]
}

/** Why a file is not read: its text goes to the operator. */
export class RefusedLearning extends Error {}

/** `covers` is asked when everything else is made. */
export function* learningLines(parts: readonly LearningPart[], keyId: string, covers: () => Covers): Generator<string> {
  yield JSON.stringify({ learning: VERSION, key_id: keyId })
  for (const part of parts) {
    yield JSON.stringify({ part: part.name, version: part.version })
    for (const line of part.snapshot()) yield JSON.stringify(line)
  }
  const { now, topics } = covers()
  yield JSON.stringify({ covers: { now, topics } })
}

/** A path, or an open file that is read from its beginning, whatever was read of it before. */
export type LearningPlace = { readonly path: string } | { readonly descriptor: number }

/** Reads all of it and believes nothing before its end. Throws RefusedLearning. */
export async function outlineOf(place: LearningPlace): Promise<LearningOutline> {
  const parts: { name: string; version: number; lines: number; bytes: number }[] = []
  let keyId = ''
  let now: EventTime | null = null
  await eachLine(place, (line) => {
    if (line.kind === 'head') keyId = line.keyId
    else if (line.kind === 'covers') now = line.covers.now
    else if (line.kind === 'part') parts.push({ name: line.name, version: line.version, lines: 0, bytes: 0 })
    else {
      const part = parts.at(-1)!
      part.lines++
      part.bytes += line.text.length + 1
    }
  })
  return { keyId, now, parts }
}

/** The lines as they are, without the seal. Throws RefusedLearning, at the end at the latest. */
export async function textLines(place: LearningPlace): Promise<string[]> {
  const lines: string[] = []
  await eachLine(place, (_, text) => void lines.push(text))
  return lines
}

/** Lines that one part holds, as text. */
export interface PartLines {
  readonly name: string
  readonly version: number
  readonly lines: string
}

/** The parts of a file, in its order; one may be there several times. Throws RefusedLearning. */
export async function partsIn(
  place: LearningPlace,
  key: Pick<PrivacyKey, 'id' | 'previous'>,
): Promise<readonly PartLines[]> {
  const parts: { name: string; version: number; lines: string[] }[] = []
  let keyId = ''
  await eachLine(place, (line) => {
    if (line.kind === 'head') keyId = line.keyId
    else if (line.kind === 'part') parts.push({ name: line.name, version: line.version, lines: [] })
    else if (line.kind === 'line') parts.at(-1)!.lines.push(`${line.text}\n`)
  })
  if (!takesKey(key, keyId)) throw new RefusedLearning(`it was learnt under the privacy key ${keyId}`)
  return parts.map(({ name, version, lines }) => ({ name, version, lines: lines.join('') }))
}

export interface Restored {
  readonly covers: Covers
  /** Parts that begin anew, and why. */
  readonly refused: readonly string[]
}

/**
 * Puts back what a file holds into parts that have learnt nothing. The whole file is checked first; a part whose lines are of
 * another version, or none of its own, begins anew alone. What was learnt up to a time after `latest` is refused. Throws RefusedLearning, and then nothing was touched.
 */
export async function restoreLearning(
  place: LearningPlace,
  parts: readonly LearningPart[],
  key: Pick<PrivacyKey, 'id' | 'previous'>,
  latest: EventTime = Number.POSITIVE_INFINITY,
): Promise<Restored> {
  const outline = await outlineOf(place)
  if ((outline.now ?? 0) > latest) throw new RefusedLearning("its clock is ahead of this host's")
  if (!takesKey(key, outline.keyId)) {
    throw new RefusedLearning(
      `it was learnt under the privacy key ${outline.keyId}, and callers have other names under ${key.id}`,
    )
  }
  const known = new Map(parts.map((part) => [part.name, part]))
  const refused: string[] = []
  let covers: Covers = { now: null, topics: [] }
  let part: LearningPart | null = null
  await eachLine(place, (line) => {
    if (line.kind === 'covers') covers = line.covers
    else if (line.kind === 'part') {
      part = known.get(line.name) ?? null
      if (part === null || part.version === line.version) return
      refused.push(`${part.name}: it is of version ${line.version}, and this program reads ${part.version}`)
      part = null
    } else if (line.kind === 'line' && part !== null) {
      try {
        part.restore(JSON.parse(line.text))
      } catch (error) {
        refused.push(`${part.name}: ${firstLine(error)}`)
        part.reset()
        part = null
      }
    }
  })
  return { covers, refused }
}

type Line =
  | { readonly kind: 'head'; readonly keyId: string }
  | { readonly kind: 'part'; readonly name: string; readonly version: number }
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'covers'; readonly covers: Covers }

async function eachLine(place: LearningPlace, take: (line: Line, text: string) => void): Promise<void> {
  let seen = 0
  let inPart = false
  try {
    for await (const text of sealedLines(unpacked(place))) {
      const line = parse(text, seen++ === 0)
      if (line.kind === 'line' && !inPart) throw new RefusedLearning('a line stands outside of any part')
      if (line.kind === 'part') inPart = true
      take(line, text)
    }
  } catch (error) {
    if (error instanceof RefusedLearning) throw error
    if (error instanceof TornLines) throw new RefusedLearning(`it is damaged: ${error.message}`)
    throw new RefusedLearning(`it cannot be read: ${firstLine(error)}`)
  }
}

function parse(text: string, isFirst: boolean): Line {
  if (!isFirst && text.startsWith('[')) return { kind: 'line', text }
  const value: unknown = JSON.parse(text)
  if (isFirst) {
    const head = Head.safeParse(value)
    if (!head.success) throw new RefusedLearning('it holds no learning of Offpath')
    const { learning, key_id: keyId } = head.data
    if (learning !== VERSION) {
      throw new RefusedLearning(`it is of version ${learning}, and this program reads version ${VERSION}`)
    }
    return { kind: 'head', keyId }
  }
  const part = PartHead.safeParse(value)
  if (part.success) return { kind: 'part', name: part.data.part, version: part.data.version }
  return { kind: 'covers', covers: CoversLine.parse(value).covers }
}

async function* unpacked(place: LearningPlace): AsyncGenerator<Buffer> {
  const input = 'path' in place ? createReadStream(place.path) : Readable.from(piecesOf(place.descriptor))
  const gunzip = createGunzip()
  input.on('error', (error: Error) => gunzip.destroy(error))
  input.pipe(gunzip)
  let bytes = 0
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MAX_BYTES) throw new RefusedLearning('it is too large')
      yield chunk
    }
  } finally {
    input.destroy()
    gunzip.destroy()
  }
}

/** A stream of a descriptor would close it. */
async function* piecesOf(descriptor: number): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const { bytesRead, buffer } = await readAt(descriptor, Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/\s+/g, ' ').slice(0, 200)
}
