import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import type { FrameBatch, SourceInfo } from '../model/frame.ts'
import type { Counters } from '../telemetry/counters.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { type ByteInput, FileInput } from './byte-input.ts'
import { ByteWindow } from './byte-window.ts'
import { FileClockGuard } from './clock-guard.ts'
import { CHUNK_BYTES, type DamagedTail, frameBatches } from './frame-batches.ts'
import { type LineReader, NATIVE_LINES, NativeFile, type NativeSource } from './native-file.ts'
import { PcapReader } from './pcap-reader.ts'
import { PcapngReader } from './pcapng-reader.ts'
import { type InputType, sniff } from './sniff.ts'
import type { FrameSource } from './source.ts'

/** A capture read to its end, at full speed. */
export interface CaptureFile extends FrameSource {
  /** Known once `batches` has ended: what could not be read at the end. */
  readonly tail: DamagedTail | null
}

export type OpenedInput =
  | { readonly kind: 'frames'; readonly source: CaptureFile }
  | { readonly kind: 'native'; readonly source: NativeSource }

export interface InputDeps {
  /** Opens what `-` reads; only where it may be named. */
  readonly stdin?: () => ByteInput
  readonly counters: Counters
  /** Reads text inputs, of this name. Default: native records only. */
  readonly lines?: (name: string, whole: boolean) => LineReader | Promise<LineReader>
  /** A format was named: text is read as lines whatever it begins with. */
  readonly formatNamed?: boolean
}

/**
 * Opens one input of replay, by content: pcap, pcapng or native transactions, each also in gzip or zstd; `-` is standard input.
 * The source closes what was opened when its batches end or are given up.
 */
export async function openInput(path: string, deps: InputDeps): Promise<OpenedInput> {
  const info: SourceInfo = { kind: 'file', name: path === '-' ? 'stdin' : basename(path) }
  let window = new ByteWindow(path === '-' ? standardInput(deps) : await openFile(path), CHUNK_BYTES)
  try {
    let type = await firstLook(window, path)
    if (type === 'gzip' || type === 'zstd') {
      window = await unpacked(window, type)
      type = await firstLook(window, path)
    }
    const shape = type === 'har' ? 'whole' : type === 'gor' ? 'gor' : 'lines'
    if (
      type === 'native' ||
      (deps.lines !== undefined && (shape !== 'lines' || (type === 'unknown' && deps.formatNamed === true)))
    ) {
      const reader = (await deps.lines?.(info.name, shape === 'whole')) ?? NATIVE_LINES
      return { kind: 'native', source: new NativeFile(info, window, deps.counters, reader, shape) }
    }
    if (type === 'pcap' || type === 'pcapng') return { kind: 'frames', source: new CaptureReading(info, window, type) }
    throw notACapture(path, type, window.damage)
  } catch (error) {
    await window.close()
    throw error
  }
}

/** Enough to tell what an input is. */
const LOOK_BYTES = 4096

/** Whether a file is a capture as it was written, not compressed. False also where it cannot be read: `openInput` says why. */
export async function isCaptureFile(path: string): Promise<boolean> {
  if (path === '-') return false
  let window: ByteWindow | null = null
  try {
    window = new ByteWindow(await openFile(path), LOOK_BYTES)
    const type = await sniff(window)
    return type === 'pcap' || type === 'pcapng'
  } catch {
    return false
  } finally {
    await window?.close()
  }
}

class CaptureReading implements CaptureFile {
  readonly info: SourceInfo
  tail: DamagedTail | null = null
  readonly #window: ByteWindow
  readonly #type: 'pcap' | 'pcapng'

  constructor(info: SourceInfo, window: ByteWindow, type: 'pcap' | 'pcapng') {
    this.info = info
    this.#window = window
    this.#type = type
  }

  async *batches(stop: AbortSignal): AsyncGenerator<FrameBatch, void, undefined> {
    const reader = this.#type === 'pcap' ? new PcapReader() : new PcapngReader()
    try {
      this.tail = yield* frameBatches(this.#window, reader, new FileClockGuard(), stop, 'count')
    } finally {
      await this.#window.close()
    }
  }
}

/** What most inputs do not need is loaded when one does. */
async function unpacked(window: ByteWindow, type: 'gzip' | 'zstd'): Promise<ByteWindow> {
  const { GunzipInput, ZstdInput } = await import('./unpacked-input.ts')
  const head = window.buffer.subarray(window.start, window.end)
  const input = type === 'gzip' ? new GunzipInput(window.input, head) : new ZstdInput(window.input, head)
  return new ByteWindow(input, CHUNK_BYTES)
}

function standardInput({ stdin }: InputDeps): ByteInput {
  if (stdin === undefined) throw new RangeError('no standard input here')
  return stdin()
}

async function openFile(path: string): Promise<ByteInput> {
  try {
    const file = await open(path, 'r')
    if (!(await file.stat()).isDirectory()) return new FileInput(file)
    await file.close()
  } catch (cause) {
    throw unreadable(path, cause)
  }
  throw new OffpathError('OFFPATH_E_NO_FILE', `${path} is a folder`, {
    at: path,
    remedy: 'Name the capture files themselves.',
  })
}

/** A file may open and still fail at its first read (a stale mount, a device). */
async function firstLook(window: ByteWindow, path: string): Promise<InputType> {
  try {
    return await sniff(window)
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function unreadable(path: string, cause: unknown): OffpathError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const reason =
    code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'may not be read' : `cannot be read: ${code}`
  const remedy =
    code === 'EACCES'
      ? `Give this user the right to read it: chmod o+r ${path}`
      : 'Check the path; `-` is standard input.'
  return new OffpathError('OFFPATH_E_NO_FILE', `${path} ${reason}`, { at: path, remedy, cause })
}

function notACapture(path: string, type: InputType, damage: string | null): OffpathError {
  const name = path === '-' ? 'standard input' : path
  const accepted =
    'Give a pcap or pcapng capture, or native transactions (.jsonl); gzip and zstd are fine for each. Records that begin otherwise need --format.'
  const [message, remedy] = explain(type)
  return new OffpathError('OFFPATH_E_NOT_CAPTURE', `${name} ${damage === null ? message : damage}`, {
    at: path,
    remedy: remedy ?? accepted,
  })
}

function explain(type: InputType): [message: string, remedy: string | null] {
  switch (type) {
    case 'empty':
      return ['is empty', null]
    case 'har':
      return ['is a HAR file, which this version does not read', null]
    case 'gor':
      return ['is a file of GoReplay, which is read by replay and tap explain only', null]
    case 'gzip':
    case 'zstd':
      return [
        `is compressed twice: ${type} is inside`,
        'Undo one of the two: zcat FILE, or zstd -dc FILE, | offpath replay -',
      ]
    default:
      return ['is neither a capture nor native transactions', null]
  }
}
