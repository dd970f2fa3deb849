import { type VectorMemory, vectorBuffer, vectorMemoryOf, WORK_BYTES, webAssembly } from '../sources/vector-memory.ts'
import { ALL_NAMES, KNOWN_COUNT, KNOWN_HEADERS } from './known-headers.ts'
import {
  FIRST_AT,
  FOUND_AT,
  FOUND_WORDS,
  MASKS_AT,
  NAME_BYTES,
  NAMES_AT,
  NEXT_AT,
  vectorModule,
} from './vector-code.ts'

interface VectorExports {
  readonly plainEnd: (from: number, end: number) => number
  readonly spaceAt: (from: number, end: number) => number
  readonly fieldLines: (from: number, end: number, longest: number, room: number, last: number) => number
}

/** One memory, and the code that looks at it. */
interface Lens {
  readonly exports: VectorExports
  readonly found: Int32Array
}

/** Of a head in an ordinary buffer, so much is looked at, which is nearly always all of it. */
const COPIED_BYTES = 8 * 1024
/** More lines of one head than this are read one by one. With one place for what is said of all they fill the memory before the tables. */
const MOST_LINES = 2047

/** Built once, when the first head is read. */
let compiled: object | null = null

/**
 * Looks at head bytes sixteen at a time. Byte by byte a head costs five times as much, in 32-bit words it did nearly twice
 * (docs/benchmarks.md). Bytes of an ordinary buffer are copied first, which costs a third more.
 */
export class VectorLines {
  /** Of `lines`: see FOUND_WORDS. Places are shifted by `shift`. */
  found: Int32Array = NOTHING
  /** From places of the buffer to those of its memory. */
  shift = 0
  readonly #lenses = new WeakMap<VectorMemory, Lens>()
  /** Holds what is copied. */
  readonly #own: { readonly bytes: Buffer; readonly lens: Lens }
  #exports: VectorExports
  /** The buffer looked at last that needs no copy. */
  #bytes: Buffer
  #base = WORK_BYTES

  private constructor(bytes: Buffer, memory: VectorMemory) {
    this.#own = { bytes, lens: this.#lensOf(memory) }
    this.#bytes = bytes
    this.#exports = this.#own.lens.exports
  }

  /** Null where there is no WebAssembly. */
  static open(): VectorLines | null {
    const bytes = vectorBuffer(COPIED_BYTES)
    const memory = vectorMemoryOf(bytes)
    return memory === null ? null : new VectorLines(bytes, memory)
  }

  /** Begins with [from, end) of `bytes`. What follows looks at no others. Returns how far it can look, at most `end`. */
  look(bytes: Buffer, from: number, end: number): number {
    if (bytes === this.#bytes) {
      this.shift = this.#base
      return end
    }
    const memory = vectorMemoryOf(bytes)
    if (memory !== null) {
      this.#bytes = bytes
      this.#base = bytes.byteOffset
      this.shift = this.#base
      this.#use(this.#lensOf(memory))
      return end
    }
    const { bytes: own, lens } = this.#own
    this.#bytes = own
    this.#base = WORK_BYTES
    this.shift = WORK_BYTES - from
    this.#use(lens)
    return from + bytes.copy(own, 0, from, Math.min(end, from + COPIED_BYTES))
  }

  /** The first byte of [from, end) that is no plain text: a control, DEL or no ASCII. Some place from `end` on when there is none. */
  plainEnd(from: number, end: number): number {
    return (this.#exports.plainEnd(from + this.shift, end + this.shift) - this.shift) | 0
  }

  /** The first space of [from, end), some place from `end` on when there is none. */
  spaceAt(from: number, end: number): number {
    return (this.#exports.spaceAt(from + this.shift, end + this.shift) - this.shift) | 0
  }

  /**
   * Reads the lines as everybody writes them that stand from `from` on, one after the other, at most `most`, and notes those with
   * one of the first `names` known names; of Infinity, all. Returns how many it noted: see `found`.
   */
  lines(from: number, end: number, longest: number, most: number, names: number): number {
    const { shift } = this
    const last = names === Number.POSITIVE_INFINITY ? -1 : names - 1
    return this.#exports.fieldLines(from + shift, end + shift, longest, Math.min(most, MOST_LINES), last)
  }

  #use(lens: Lens): void {
    this.#exports = lens.exports
    this.found = lens.found
  }

  #lensOf(memory: VectorMemory): Lens {
    const known = this.#lenses.get(memory)
    if (known !== undefined) return known
    compiled ??= new webAssembly!.Module(vectorModule())
    const { exports } = new webAssembly!.Instance(compiled, { m: { memory } })
    writeNames(new Uint8Array(memory.buffer))
    const lens: Lens = {
      exports: exports as unknown as VectorExports,
      found: new Int32Array(memory.buffer, FOUND_AT, (MOST_LINES + 1) * FOUND_WORDS),
    }
    this.#lenses.set(memory, lens)
    return lens
  }
}

const NOTHING = new Int32Array(0)

function writeNames(memory: Uint8Array): void {
  memory.set(new Uint8Array(ALL_NAMES.first.buffer), FIRST_AT)
  memory.set(new Uint8Array(ALL_NAMES.next.buffer), NEXT_AT)
  memory.fill(0xff, MASKS_AT, MASKS_AT + NAME_BYTES)
  for (let known = 0; known < KNOWN_COUNT; known++) {
    memory.set(Buffer.from(KNOWN_HEADERS[known]!, 'latin1'), NAMES_AT + known * NAME_BYTES)
  }
}
