import type { SourceInfo } from '../model/frame.ts'
import { type EventTime, parseTime } from '../model/time.ts'
import type { Counters } from '../telemetry/counters.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { ByteWindow } from './byte-window.ts'
import { type ClockGuard, FileClockGuard } from './clock-guard.ts'
import type { DamagedTail } from './frame-batches.ts'

/** One line of a native transactions file, read but not yet checked field by field. */
export interface NativeRecord {
  /** Line number, from 1. */
  readonly line: number
  readonly record: Record<string, unknown>
  /** Event-clock time: that of `end_ts`, else `ts`; for a bogus one the source's watermark. */
  readonly clock: EventTime
  readonly bogusTime: boolean
}

/** Records in file order. The arrays are borrowed, the records are owned. */
export interface NativeBatch {
  readonly records: readonly NativeRecord[]
  readonly count: number
  /** `clock` of each record, as a column: what the timeline merges by. */
  readonly clock: Float64Array
}

/** Native transactions in file order. */
export interface NativeSource {
  readonly info: SourceInfo
  /** Known once `batches` has ended. */
  readonly tail: DamagedTail | null
  /** Lines that were no record, by reason. */
  readonly badLines: ReadonlyMap<string, number>
  batches(stop: AbortSignal): AsyncIterable<NativeBatch>
}

export type BadLine = 'too_long' | 'bad_json' | 'not_object' | 'no_time'

/** Takes a record made of a line, or of several. `time` is what it is ordered by. */
export type LineSink = (record: Record<string, unknown>, time: EventTime, line: number) => void

/** Makes native records of lines in whatever form they are. Told why a line gave none: `bad`. */
export interface LineReader {
  read(text: string, line: number, emit: LineSink, bad: (reason: string) => void): void
  /** No line follows: what is held goes out. */
  end(emit: LineSink, bad: (reason: string, count?: number) => void): void
}

/** A line longer than this is counted and passed over. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024
/** A file that is one JSON text (HAR) is read in one piece, up to here. */
const MAX_WHOLE_BYTES = 256 * 1024 * 1024
/** Parsed records that wait for their turn are carried along by every collection of new space: a thousand of them made it take 1.7 times as long. */
const BATCH_RECORDS = 64
const LINE_FEED = Buffer.from('\n')
/** Between two records of GoReplay. */
const THREE_MONKEYS = Buffer.from('\n🐵🙈🙉\n')

/** `lines`: a record is a line. `whole`: the file is one record. `gor`: GoReplay's, whose records hold any bytes; handed on as base64. */
export type TextShape = 'lines' | 'whole' | 'gor'

interface Pending {
  readonly line: number
  readonly record: Record<string, unknown>
  readonly time: EventTime
}

/**
 * Reads JSON Lines. A line that is no record is counted (`native.bad_json` and so on) and passed over: one bad line must
 * not hide a day. Only a file without a single record is refused.
 */
export class NativeFile implements NativeSource {
  readonly info: SourceInfo
  tail: DamagedTail | null = null
  readonly badLines = new Map<string, number>()
  readonly #window: ByteWindow
  readonly #counters: Counters
  readonly #guard: ClockGuard = new FileClockGuard()
  #line = 0
  #good = 0
  #firstBad: { line: number; reason: string } | null = null
  /** Inside a line that is too long: pass over everything up to its end. */
  #overlong = false

  readonly #reader: LineReader
  readonly #shape: TextShape
  readonly #separator: Buffer
  #ended = false

  constructor(
    info: SourceInfo,
    window: ByteWindow,
    counters: Counters,
    reader: LineReader = NATIVE_LINES,
    shape: TextShape = 'lines',
  ) {
    this.info = info
    this.#window = window
    this.#counters = counters
    this.#reader = reader
    this.#shape = shape
    this.#separator = shape === 'gor' ? THREE_MONKEYS : LINE_FEED
  }

  async *batches(stop: AbortSignal): AsyncGenerator<NativeBatch, void, undefined> {
    const window = this.#window
    const pending: Pending[] = []
    try {
      while (!stop.aborted) {
        const full = this.#shape === 'whole' ? await this.#readWhole(pending) : this.#readLines(pending)
        const last = !full && window.ended
        if (last) this.#end(pending)
        const count = last ? pending.length : Math.max(0, pending.length - this.#guard.lookAhead)
        if (count > 0) {
          yield this.#judge(pending, count)
          pending.splice(0, count)
        }
        if (last) break
        if (!full) await this.#more()
      }
    } finally {
      await window.close()
    }
    if (window.damage !== null) this.tail = { truncatedBytes: 0, message: window.damage }
    if (!stop.aborted && this.#good === 0) this.#refuse()
  }

  /** The one record of such a file, once it is there. Always false: there is no second. */
  async #readWhole(pending: Pending[]): Promise<boolean> {
    const window = this.#window
    while (!window.ended) {
      if (window.available > MAX_WHOLE_BYTES) {
        throw new OffpathError('OFFPATH_E_RECORD', `${this.info.name} is over ${MAX_WHOLE_BYTES} bytes`, {
          at: this.info.name,
          remedy: 'Split it: one JSON text has to be read in one piece.',
        })
      }
      if (window.available === window.buffer.length) window.grow()
      await window.fill()
    }
    if (window.available > 0) {
      this.#line = 1
      this.#read(window.buffer.toString('utf8', window.start, window.end), pending)
      window.start = window.end
    }
    return false
  }

  #end(pending: Pending[]): void {
    if (this.#ended) return
    this.#ended = true
    this.#reader.end(this.#keeping(pending), (reason, count = 1) => this.#bad(reason, count))
  }

  #read(text: string, pending: Pending[]): void {
    this.#reader.read(text, this.#line, this.#keeping(pending), (reason) => this.#bad(reason))
  }

  #keeping(pending: Pending[]): LineSink {
    return (record, time, line) => {
      this.#good++
      pending.push({ line, record, time })
    }
  }

  async #more(): Promise<void> {
    const window = this.#window
    if (window.available > MAX_LINE_BYTES && !this.#overlong) {
      this.#line++
      this.#bad('too_long')
      this.#overlong = true
    }
    if (this.#overlong) window.start = window.end
    if (window.available === window.buffer.length) window.grow()
    await window.fill()
  }

  /** Reads whole lines of the window; true when the batch is full before the window is. */
  #readLines(pending: Pending[]): boolean {
    const window = this.#window
    while (pending.length < BATCH_RECORDS) {
      const found = window.buffer.subarray(window.start, window.end).indexOf(this.#separator)
      if (found < 0 && !(window.ended && window.available > 0)) return false
      const end = found < 0 ? window.end : window.start + found
      const from = window.start
      window.start = found < 0 ? end : end + this.#separator.length
      if (this.#overlong) {
        this.#overlong = false
        continue
      }
      this.#line++
      this.#readLine(from, end, pending)
    }
    return true
  }

  #readLine(from: number, end: number, pending: Pending[]): void {
    const encoding = this.#shape === 'gor' ? 'base64' : 'utf8'
    const text = end - from > MAX_LINE_BYTES ? null : this.#window.buffer.toString(encoding, from, end)
    if (text !== null && text.trim() === '') return
    if (text === null) this.#bad('too_long')
    else this.#read(text, pending)
  }

  #judge(pending: readonly Pending[], count: number): NativeBatch {
    const clock = new Float64Array(count)
    const records: NativeRecord[] = []
    for (let row = 0; row < count; row++) {
      const { line, record, time } = pending[row]!
      const honest = this.#guard.admit(time, pending[row + 1]?.time ?? Number.NaN, pending[row + 2]?.time ?? Number.NaN)
      clock[row] = this.#guard.clock
      records.push({ line, record, clock: this.#guard.clock, bogusTime: !honest })
    }
    return { records, count, clock }
  }

  #bad(reason: string, count = 1): void {
    this.badLines.set(reason, (this.badLines.get(reason) ?? 0) + count)
    this.#counters.add(`native.${reason}`, count)
    this.#firstBad ??= { line: this.#line, reason }
  }

  #refuse(): void {
    const bad = this.#firstBad
    throw new OffpathError('OFFPATH_E_RECORD', `${this.info.name} has no transaction that could be read`, {
      at: bad === null ? this.info.name : `${this.info.name}:${bad.line}`,
      remedy:
        bad === null
          ? 'The file is empty; write one with: offpath replay FILE --emit transactions'
          : REASONS[bad.reason as BadLine] === undefined
            ? `Its lines were passed over: ${[...this.badLines].map(([reason, count]) => `${count} ${reason}`).join(', ')}. offpath tap explain shows what is missing.`
            : `${REASONS[bad.reason as BadLine]} One JSON object per line is expected, with at least ts, method, host, path and client_ip.`,
    })
  }
}

const REASONS: Record<BadLine, string> = {
  too_long: `A line is longer than ${MAX_LINE_BYTES} bytes.`,
  bad_json: 'A line is not JSON.',
  not_object: 'A line is JSON, but not an object.',
  no_time: 'A line has neither end_ts nor ts as an RFC 3339 time.',
}

/** Lines that are native records. */
export const NATIVE_LINES: LineReader = {
  read: (text, line, emit, bad) => {
    const read = readRecord(text)
    if (typeof read === 'string') bad(read)
    else emit(read.record, read.time, line)
  },
  end: () => {},
}

function readRecord(text: string): { record: Record<string, unknown>; time: EventTime } | BadLine {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'bad_json'
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not_object'
  const record = value as Record<string, unknown>
  const time = timeOf(record.end_ts) ?? timeOf(record.ts)
  return time === null ? 'no_time' : { record, time }
}

function timeOf(value: unknown): EventTime | null {
  return typeof value === 'string' ? parseTime(value) : null
}
