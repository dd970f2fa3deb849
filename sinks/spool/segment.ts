import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, readdir, readFile, rename, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c } from '../../daemon/durable/crc32c.ts'
import type { SealedBatch } from '../store/inserter.ts'
import { MARKER_BYTES, type RecordHeader, type RecordPlace, STATE_AT, STORED, scanSegment } from './record.ts'

/** A sealed batch that waits to be stored: where its bytes are, not the bytes. */
export interface SpooledBatch extends RecordPlace {
  /** Rises from batch to batch over all segments. */
  readonly order: number
  readonly segment: Segment
  readonly header: RecordHeader
  /** On disk, with prefix and header. */
  readonly bytes: number
}

/** One file of the spool. Written by the process that made it only: after a restart a new one begins. */
export class Segment {
  readonly path: string
  readonly marker: Buffer
  /** Bytes in it that check. */
  size = 0
  damaged = false
  readonly waiting = new Set<SpooledBatch>()
  /** Dropped or done with: its file is gone. */
  gone = false

  constructor(path: string, marker: Buffer) {
    this.path = path
    this.marker = marker
  }

  /** Marks a batch as stored, durably. */
  async mark(batch: SpooledBatch): Promise<void> {
    const file = await open(this.path, constants.O_WRONLY)
    try {
      await file.write(Buffer.of(STORED), 0, 1, batch.offset + STATE_AT)
      await file.datasync()
    } finally {
      await file.close()
    }
  }

  /** The batch, or null when its bytes can no longer be read. */
  async read(batch: SpooledBatch): Promise<SealedBatch | null> {
    const bytes = Buffer.allocUnsafe(batch.bodyBytes)
    const file = await open(this.path, 'r').catch(() => null)
    if (file === null) return null
    try {
      const { bytesRead } = await file.read(bytes, 0, bytes.length, batch.bodyOffset)
      if (bytesRead !== bytes.length || crc32c(bytes) !== batch.bodyCrc) return null
    } catch {
      return null
    } finally {
      await file.close()
    }
    return { ...batch.header, bytes }
  }
}

const NAME = /^(\d{10})-([0-9a-f]{16})\.segment$/

/** Names of the segments in a folder, oldest first. */
export async function segmentNames(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => NAME.test(name)).sort()
}

export function sequenceOf(name: string): number {
  return Number(NAME.exec(name)?.[1] ?? 0)
}

/** Makes the file, whose name is on disk when this resolves. */
export async function createSegment(folder: string, sequence: number): Promise<{ segment: Segment; file: FileHandle }> {
  const marker = randomBytes(MARKER_BYTES)
  const path = join(folder, `${String(sequence).padStart(10, '0')}-${marker.toString('hex')}.segment`)
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    await syncFolder(folder)
  } catch (error) {
    await file.close()
    await rm(path, { force: true })
    throw error
  }
  return { segment: new Segment(path, marker), file }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some network file systems cannot sync a folder.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  } finally {
    await handle.close()
  }
}

export interface LoadedSegment {
  readonly segment: Segment
  /** Tokens of batches in it that are stored already. */
  readonly storedTokens: readonly string[]
  /** Batches whose body does not check; their rows are lost. */
  readonly lost: readonly RecordHeader[]
  readonly damagedPlaces: number
  readonly damagedBytes: number
  readonly tornBytes: number
}

/** Reads a segment of an earlier process and cuts off its torn tail. `firstOrder` numbers its batches. */
export async function loadSegment(folder: string, name: string, firstOrder: number): Promise<LoadedSegment> {
  const path = join(folder, name)
  const marker = Buffer.from(NAME.exec(name)![2]!, 'hex')
  const segment = new Segment(path, marker)
  const bytes = await readFile(path)
  const scan = scanSegment(bytes, marker)
  if (scan.length < bytes.length) await truncate(path, scan.length)
  segment.size = scan.length
  const lost: RecordHeader[] = []
  let lostBytes = 0
  const storedTokens: string[] = []
  for (const { header, stored, whole, ...place } of scan.records) {
    if (stored) storedTokens.push(header.token)
    else if (whole) {
      const order = firstOrder + segment.waiting.size
      const size = place.bodyOffset + place.bodyBytes - place.offset
      segment.waiting.add({ ...place, order, segment, header, bytes: size })
    } else {
      lost.push(header)
      lostBytes += place.bodyBytes
    }
  }
  segment.damaged = lost.length > 0 || scan.damagedPlaces > 0
  return {
    segment,
    storedTokens,
    lost,
    damagedPlaces: scan.damagedPlaces,
    damagedBytes: scan.damagedBytes + lostBytes,
    tornBytes: bytes.length - scan.length,
  }
}

/** Takes the file away; one with damage stays beside as `*.damaged`, for whoever wants to look. */
export async function retire(segment: Segment): Promise<void> {
  segment.gone = true
  if (segment.damaged) await rename(segment.path, segment.path.replace(/segment$/, 'damaged'))
  else await rm(segment.path, { force: true })
}
