import { chmod, type FileHandle, mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Counters } from '../../daemon/telemetry/counters.ts'
import type { SealedBatch } from '../store/inserter.ts'
import { trimFolder, writeRefused } from './aside.ts'
import { Backlog } from './backlog.ts'
import { countBatch, type StoreCounter } from './counters.ts'
import { takeGroup, writeWhole } from './group-write.ts'
import { NotSealed } from './not-sealed.ts'
import { type RecordHeader, recordHead } from './record.ts'
import {
  createSegment,
  loadSegment,
  retire,
  type Segment,
  type SpooledBatch,
  segmentNames,
  sequenceOf,
} from './segment.ts'
import { Tokens } from './tokens.ts'

export interface SpoolOptions {
  readonly folder: string
  /** Most bytes of segments on disk. Over it the oldest segment goes, counted. */
  readonly maxBytes: number
  readonly counters: Counters
  readonly nowMs: () => number
  /** Told of each batch given up, besides the counters. */
  readonly onLost?: (name: StoreCounter, batch: { readonly table: string; readonly rows: number }) => void
  /** Told what is about to be done, so that a test can strike there. */
  readonly onPhase?: (phase: SpoolPhase) => void
}

export type SpoolPhase = 'write' | 'written' | 'rotate' | 'mark' | 'marked'

interface Waiting {
  readonly header: RecordHeader
  readonly head: Buffer
  readonly body: Uint8Array
  readonly size: number
  resolve(): void
  reject(error: Error): void
}

/**
 * Sealed batches on disk until they are stored. `seal` resolves when the batch is fdatasynced; batches sealed while a sync
 * runs share the next. Oldest first out. Opening never fails over what is in the files: a torn tail is cut off, damage is
 * passed over and counted. What a full spool or a full disk costs is counted by table.
 */
export class Spool {
  readonly #options: SpoolOptions
  readonly #counters: Counters
  readonly #segmentBytes: number
  readonly #segments: Segment[] = []
  readonly #tokens = new Tokens()
  /** What waits to be stored. */
  readonly backlog = new Backlog()
  readonly #lent = new Set<SpooledBatch>()
  #active: { segment: Segment; file: FileHandle } | null = null
  #sequence = 0
  #order = 0
  #waiting: Waiting[] = []
  #flushing: Promise<void> | null = null
  #closed = false
  /** Why the disk took nothing at the last try; null when it did. */
  diskFull: string | null = null

  private constructor(options: SpoolOptions) {
    this.#options = options
    this.#counters = options.counters
    this.#segmentBytes = Math.min(Math.max(options.maxBytes / SEGMENTS, MIN_SEGMENT_BYTES), MAX_SEGMENT_BYTES)
  }

  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options)
    for (const folder of [options.folder, join(options.folder, REFUSED)]) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await chmod(folder, 0o700)
    }
    for (const name of await segmentNames(options.folder)) await spool.#load(name)
    await spool.#trimDamaged()
    return spool
  }

  get maxBytes(): number {
    return this.#options.maxBytes
  }

  /** Resolves when the batch would survive a kill, at once when its token is known. Throws NotSealed. `bytes` are borrowed until then. */
  async seal(batch: SealedBatch): Promise<void> {
    if (this.#closed) throw new NotSealed('closed')
    const known = this.#tokens.get(batch.token)
    if (known !== undefined) {
      this.#counters.add('spool.repeated')
      return await known
    }
    const { bytes: body, ...rest } = batch
    const header = { ...rest, sealedAtMs: this.#options.nowMs() }
    const head = recordHead(NO_MARKER, header, body)
    const size = head.length + body.length
    if (size > this.maxBytes) {
      this.#lose('spool.full', batch)
      throw new NotSealed('too_large')
    }
    const sealed = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ header, head, body, size, resolve, reject })
    })
    this.#tokens.sealing(batch.token, sealed)
    this.#flushing ??= this.#flush()
    await sealed
  }

  /** While it is being sent, room made for others does not count it as lost. */
  lend(batch: SpooledBatch): void {
    this.#lent.add(batch)
  }

  /** It was not stored. */
  giveBack(batch: SpooledBatch): void {
    if (this.#lent.delete(batch) && batch.segment.gone) this.#lose('spool.full', batch.header)
  }

  /** The batch to send, or null when it was dropped meanwhile or no longer checks: then it is counted and gone. */
  async read(batch: SpooledBatch): Promise<SealedBatch | null> {
    const read = await batch.segment.read(batch)
    if (read !== null || batch.segment.gone) return read
    this.#lose('spool.damaged', batch.header)
    this.#counters.add('spool.damaged.bytes', batch.bodyBytes)
    this.#lent.delete(batch)
    batch.segment.damaged = true
    await this.#finish(batch)
    return null
  }

  /** The batch is stored: it is not sent again, after a restart neither. */
  async confirm(batch: SpooledBatch): Promise<void> {
    this.#lent.delete(batch)
    if (batch.segment.gone) return
    this.#options.onPhase?.('mark')
    try {
      await batch.segment.mark(batch)
    } catch {
      if (!batch.segment.gone) this.#counters.add('spool.unmarked')
    }
    this.#options.onPhase?.('marked')
    await this.#finish(batch)
  }

  /** The batch will never be stored: it is laid aside in `refused/`. */
  async refuse(batch: SpooledBatch, bytes: SealedBatch, reason: string): Promise<void> {
    countBatch(this.#counters, 'store.refused', batch.header)
    const folder = join(this.#options.folder, REFUSED)
    const name = `${basename(batch.segment.path).slice(0, 10)}-${String(batch.offset).padStart(10, '0')}.batch`
    try {
      await writeRefused(join(folder, name), bytes, reason)
      const removed = await trimFolder(folder, '.batch', MAX_ASIDE_BYTES)
      if (removed > 0) this.#counters.add('store.refused.removed', removed)
    } catch {
      this.#lose('store.refused.lost', batch.header)
    }
    await this.confirm(batch)
  }

  /** Waits for what is being sealed. */
  async flushed(): Promise<void> {
    while (this.#flushing !== null) await this.#flushing
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.flushed()
    await this.#closeActive()
    for (const segment of [...this.#segments]) await this.#retireWhenDone(segment)
  }

  async #load(name: string): Promise<void> {
    this.#sequence = Math.max(this.#sequence, sequenceOf(name))
    const loaded = await loadSegment(this.#options.folder, name, this.#order).catch(() => null)
    if (loaded === null) return this.#counters.add('spool.damaged')
    this.#segments.push(loaded.segment)
    for (const batch of loaded.segment.waiting) this.#add(batch)
    for (const token of loaded.storedTokens) this.#tokens.stored(token)
    for (const header of loaded.lost) this.#lose('spool.damaged', header)
    if (loaded.damagedPlaces > 0) this.#counters.add('spool.damaged', loaded.damagedPlaces)
    if (loaded.damagedBytes > 0) this.#counters.add('spool.damaged.bytes', loaded.damagedBytes)
    if (loaded.tornBytes > 0) {
      this.#counters.add('spool.torn')
      this.#counters.add('spool.torn.bytes', loaded.tornBytes)
    }
    await this.#retireWhenDone(loaded.segment)
  }

  #lose(name: StoreCounter, batch: { readonly table: string; readonly rows: number }): void {
    countBatch(this.#counters, name, batch)
    this.#options.onLost?.(name, batch)
  }

  #add(batch: SpooledBatch): void {
    this.#order = batch.order + 1
    this.#tokens.sealed(batch.header.token)
    this.backlog.add(batch)
  }

  /** Takes a batch out of what waits. Its token stays known. */
  #remove(batch: SpooledBatch): void {
    if (!batch.segment.waiting.delete(batch)) return
    this.#tokens.stored(batch.header.token)
    this.backlog.remove(batch)
  }

  async #finish(batch: SpooledBatch): Promise<void> {
    this.#remove(batch)
    await this.#retireWhenDone(batch.segment)
  }

  async #retireWhenDone(segment: Segment): Promise<void> {
    if (segment.gone || segment.waiting.size > 0 || segment === this.#active?.segment) return
    await this.#retire(segment)
  }

  async #retire(segment: Segment): Promise<void> {
    if (segment.gone) return
    this.#segments.splice(this.#segments.indexOf(segment), 1)
    const { damaged } = segment
    // A file that cannot be taken away is read again at the next start: its batches are marked.
    await retire(segment).catch(() => undefined)
    if (!damaged) return
    this.#counters.add('spool.damaged.files')
    await this.#trimDamaged()
  }

  async #trimDamaged(): Promise<void> {
    const removed = await trimFolder(this.#options.folder, '.damaged', MAX_ASIDE_BYTES).catch(() => 0)
    if (removed > 0) this.#counters.add('spool.damaged.removed', removed)
  }

  async #flush(): Promise<void> {
    // Let those that call in the same turn share this sync.
    await null
    while (this.#waiting.length > 0) {
      const group = takeGroup(this.#waiting)
      if ((await this.#write(group)) === null) continue
      // One by one in a new file: it may be one large batch that does not fit, or the old file that takes no more.
      for (const one of group) {
        const refusal = await this.#write([one])
        if (refusal !== null) this.#refuseForRoom(one, refusal)
      }
    }
    // Not in a callback of this promise: whoever seals before that runs would wait for a flush that is over.
    this.#flushing = null
  }

  #refuseForRoom(one: Waiting, reason: Error): void {
    this.diskFull = reason.message
    // Rows of a file are not lost by this: whoever reads it waits for room, or reads it again.
    if (one.header.rereadIds === null) this.#lose('spool.disk_full', one.header)
    this.#tokens.forget(one.header.token)
    one.reject(new NotSealed('disk_full', reason))
  }

  /** Writes and syncs a group and answers it. Resolves with the disk's refusal, when nothing of it counts. */
  async #write(group: readonly Waiting[]): Promise<Error | null> {
    const size = group.reduce((sum, one) => sum + one.size, 0)
    try {
      await this.#makeRoom(size)
      const { segment, file } = await this.#writable()
      const start = segment.size
      for (const one of group) one.head.set(segment.marker)
      this.#options.onPhase?.('write')
      await writeWhole(
        file,
        group.flatMap((one) => [one.head, one.body]),
        start,
      )
      await file.datasync()
      this.#options.onPhase?.('written')
      let at = start
      for (const one of group) {
        this.#accept(one, segment, at)
        at += one.size
      }
      segment.size = at
      this.diskFull = null
      return null
    } catch (error) {
      // What a failed write or sync left behind is in doubt: cut it off, and go on in another file.
      const segment = this.#active?.segment
      await this.#active?.file.truncate(segment!.size).catch(() => undefined)
      await this.#closeActive()
      if (segment !== undefined) await this.#retireWhenDone(segment)
      return error as Error
    }
  }

  #accept(one: Waiting, segment: Segment, offset: number): void {
    const batch: SpooledBatch = {
      order: this.#order,
      segment,
      header: one.header,
      bytes: one.size,
      offset,
      bodyOffset: offset + one.head.length,
      bodyBytes: one.body.length,
      bodyCrc: one.head.readUInt32LE(BODY_CRC_AT),
    }
    segment.waiting.add(batch)
    this.#add(batch)
    one.resolve()
  }

  async #writable(): Promise<{ segment: Segment; file: FileHandle }> {
    if (this.#active !== null && this.#active.segment.size >= this.#segmentBytes) {
      const { segment } = this.#active
      await this.#closeActive()
      await this.#retireWhenDone(segment)
    }
    if (this.#active === null) {
      this.#options.onPhase?.('rotate')
      this.#active = await createSegment(this.#options.folder, ++this.#sequence)
      this.#segments.push(this.#active.segment)
    }
    return this.#active
  }

  async #closeActive(): Promise<void> {
    const active = this.#active
    this.#active = null
    await active?.file.close().catch(() => undefined)
  }

  async #makeRoom(size: number): Promise<void> {
    while (this.#segments.length > 0 && (this.#onDisk() + size > this.maxBytes || this.backlog.batches > MAX_BATCHES)) {
      const oldest = this.#segments[0]!
      if (oldest === this.#active?.segment) await this.#closeActive()
      for (const batch of [...oldest.waiting]) {
        if (!this.#lent.has(batch)) this.#lose('spool.full', batch.header)
        this.#remove(batch)
      }
      await this.#retire(oldest)
    }
  }

  #onDisk(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.size, 0)
  }
}

const REFUSED = 'refused'
const NO_MARKER = Buffer.alloc(8)
const BODY_CRC_AT = 20
/** A full spool loses about this part of itself at a time. */
const SEGMENTS = 16
const MIN_SEGMENT_BYTES = 64 * 1024
const MAX_SEGMENT_BYTES = 32 * 1024 * 1024
/** Each waiting batch costs some 500 bytes of memory. */
const MAX_BATCHES = 100_000
/** Bytes of damaged segments, and of refused batches, that are kept to look at. */
const MAX_ASIDE_BYTES = 64 * 1024 * 1024
