import type { Gather } from './gather.ts'
import { findStartLine, type LineKind, type StartLine } from './start-line.ts'

const LF = 0x0a
const CR = 0x0d
/** How much of an unfinished line is kept while looking for a start line. */
const TAIL_BYTES = 4096

/**
 * Finds the way back after a hole or broken framing: bytes are gathered line by line, and a line that ends in a start
 * line (what stands before it may be the rest of a body) is where messages go on. Keeps at most two tails of a line and
 * looks at the last one only, so the result does not depend on how the stream was cut. One instance serves all flows.
 */
export class StartLineSearch {
  /** Gathered bytes that the last `judge` gave up. */
  skipped = 0
  readonly #line: StartLine

  constructor(line: StartLine) {
    this.#line = line
  }

  /** Gathers [from, end) up to the end of a line; returns how far it came, at least one byte. */
  gather(gather: Gather, bytes: Buffer, from: number, end: number): number {
    return gather.takeLine(bytes, from, end, 2 * TAIL_BYTES)
  }

  /** True when a start line was found: the gathered bytes then begin with it, after `skipped` others. */
  judge(gather: Gather, want: LineKind): boolean {
    this.skipped = 0
    const last = gather.length - 1
    if (last < 0 || gather.bytes[last] !== LF) {
      if (gather.length >= 2 * TAIL_BYTES) this.#skip(gather, gather.length - TAIL_BYTES)
      return false
    }
    const from = Math.max(0, gather.length - TAIL_BYTES)
    const lineEnd = last - (last > 0 && gather.bytes[last - 1] === CR ? 1 : 0)
    const at = lineEnd < from ? -1 : findStartLine(this.#line, gather.bytes, from, lineEnd, want)
    this.#skip(gather, at < 0 ? gather.length : at)
    return at >= 0
  }

  #skip(gather: Gather, count: number): void {
    gather.shift(count)
    this.skipped = count
  }
}
