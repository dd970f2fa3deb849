import { viewOf } from '../model/ascii-bytes.ts'
import { ParsedHead } from './head.ts'
import { type HeadScanner, SLOTS } from './head-scanner.ts'
import { KNOWN_COUNT } from './known-headers.ts'

/** Some ten heads: the last of them to be read keeps all of it alive. */
const SLAB_BYTES = 8 * 1024
/** Cells of one size are made so many bytes at a time. */
const BLOCK_BYTES = 16 * 1024
/** Cells come in multiples of this. */
const STEP_BYTES = 256
/** A longer head has storage of its own. */
const LARGEST_CELL = 4096
const NO_CELL = 0xffff

/** Storage of heads: of each its bytes, then the offsets of its fields. */
class Slab {
  readonly bytes: Buffer
  readonly view: DataView
  readonly offsets: Uint16Array
  bytesUsed = 0

  /** `size`: even. */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.view = viewOf(this.bytes)
    this.offsets = new Uint16Array(this.bytes.buffer)
  }
}

/** Cells of one size. A free one begins with the number of the next. */
export class HeadBlock extends Slab {
  readonly cellBytes: number
  used = 0
  /** Its place among the blocks of its size that have room; -1 while it has none. */
  place = -1
  #free = NO_CELL

  constructor(cellBytes: number) {
    super(BLOCK_BYTES)
    this.cellBytes = cellBytes
    for (let cell = Math.floor(BLOCK_BYTES / cellBytes) - 1; cell >= 0; cell--) this.#link(cell)
  }

  get full(): boolean {
    return this.#free === NO_CELL
  }

  /** Where a free cell begins; there must be one. */
  take(): number {
    const base = this.#free * this.cellBytes
    this.#free = this.offsets[base >> 1]!
    this.used++
    return base
  }

  giveBack(base: number): void {
    this.#link(base / this.cellBytes)
    this.used--
  }

  #link(cell: number): void {
    this.offsets[(cell * this.cellBytes) >> 1] = this.#free
    this.#free = cell
  }
}

/**
 * Where heads are copied to. That of a message which waits for its other half, or for more of itself, is in a cell of its size, which is
 * used again: thousands wait, some for long, and in slabs filled one after the other each kept alive the storage of ten. Those that are
 * handed over are in such slabs, since who reads them tells nobody when he is done, and is so soon.
 *
 * Memory     heads that wait, rounded up to 256 bytes; of each size at most one block of 16 KiB is kept without any
 */
export class HeadSlabs {
  #slab = new Slab(SLAB_BYTES)
  /** By size: the blocks that have room. */
  readonly #blocks: HeadBlock[][] = Array.from({ length: LARGEST_CELL / STEP_BYTES }, () => [])
  /** Cells in use. */
  used = 0

  /**
   * The head that `scanner` has just read at [from, to) of `bytes`, copied, until it is handed over. A request has yet to be
   * answered; most responses are whole at once.
   */
  copy(scanner: HeadScanner, bytes: Buffer, from: number, to: number): ParsedHead {
    const length = to - from
    const count = scanner.headerCount
    const needed = bytesFor(length, count)
    const block = scanner.isRequest && needed <= LARGEST_CELL ? this.#blockFor(needed) : null
    const slab = block ?? this.#slabFor(needed)
    const base = block === null ? this.#reserve(slab, needed) : this.#takeCell(block)
    bytes.copy(slab.bytes, base, from, to)
    const at = offsetsAt(base, length)
    scanner.fields.copy(slab.bytes, 2 * at, 0, 2 * (KNOWN_COUNT + count * SLOTS))

    const line = scanner.line
    return new ParsedHead(
      slab.bytes,
      slab.view,
      base,
      length,
      slab.offsets,
      at,
      block,
      count,
      scanner.ascii,
      line.status,
      line.major * 10 + line.minor,
      scanner.isRequest ? line.methodEnd - from : 0,
      scanner.isRequest ? line.targetStart - from : 0,
      scanner.isRequest ? line.targetEnd - from : 0,
    )
  }

  /** More of its message is yet to come. */
  keep(head: ParsedHead): void {
    const needed = bytesFor(head.length, head.headerCount)
    if (head.block !== null || head.length === 0 || needed > LARGEST_CELL) return
    const block = this.#blockFor(needed)
    const cell = this.#takeCell(block)
    head.bytes.copy(block.bytes, cell, head.base, head.base + needed)
    head.moveTo(block.bytes, block.view, cell, block.offsets, offsetsAt(cell, head.length), block)
  }

  /** From here on the head is its reader's. */
  handOver(head: ParsedHead): void {
    const { block } = head
    if (block === null) return
    const needed = bytesFor(head.length, head.headerCount)
    const slab = this.#slabFor(needed)
    const base = this.#reserve(slab, needed)
    const cell = head.base
    block.bytes.copy(slab.bytes, base, cell, cell + needed)
    head.moveTo(slab.bytes, slab.view, base, slab.offsets, offsetsAt(base, head.length), null)
    this.#giveBack(block, cell)
  }

  /** One with so much room; one of its own for a long head, which would keep alive what else is in it. */
  #slabFor(needed: number): Slab {
    if (needed > LARGEST_CELL) return new Slab(needed)
    if (this.#slab.bytesUsed + needed > SLAB_BYTES) this.#slab = new Slab(SLAB_BYTES)
    return this.#slab
  }

  #reserve(slab: Slab, needed: number): number {
    const base = slab.bytesUsed
    slab.bytesUsed += needed
    return base
  }

  #blockFor(needed: number): HeadBlock {
    const size = Math.ceil(needed / STEP_BYTES)
    const withRoom = this.#blocks[size - 1]!
    let block = withRoom[withRoom.length - 1]
    if (block === undefined) {
      block = new HeadBlock(size * STEP_BYTES)
      this.#addTo(withRoom, block)
    }
    return block
  }

  #takeCell(block: HeadBlock): number {
    const base = block.take()
    this.used++
    if (block.full) this.#removeFrom(this.#blocksLike(block), block)
    return base
  }

  #giveBack(block: HeadBlock, base: number): void {
    const withRoom = this.#blocksLike(block)
    const wasFull = block.full
    block.giveBack(base)
    this.used--
    if (wasFull) this.#addTo(withRoom, block)
    if (block.used === 0 && withRoom.length > 1) this.#removeFrom(withRoom, block)
  }

  #blocksLike(block: HeadBlock): HeadBlock[] {
    return this.#blocks[block.cellBytes / STEP_BYTES - 1]!
  }

  #addTo(withRoom: HeadBlock[], block: HeadBlock): void {
    block.place = withRoom.length
    withRoom.push(block)
  }

  #removeFrom(withRoom: HeadBlock[], block: HeadBlock): void {
    const last = withRoom.pop()!
    if (last !== block) {
      withRoom[block.place] = last
      last.place = block.place
    }
    block.place = -1
  }
}

/** Of a head of so many bytes with so many fields. */
function bytesFor(length: number, headerCount: number): number {
  return 2 * (((length + 1) >> 1) + KNOWN_COUNT + headerCount * SLOTS)
}

function offsetsAt(base: number, length: number): number {
  return (base >> 1) + ((length + 1) >> 1)
}
