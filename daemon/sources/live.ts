import type { Readable } from 'node:stream'
import type { FrameBatch, SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { StreamInput } from './byte-input.ts'
import { ByteWindow } from './byte-window.ts'
import { LiveClockGuard } from './clock-guard.ts'
import { CHUNK_BYTES, type DamagedTail, frameBatches } from './frame-batches.ts'
import { PcapReader } from './pcap-reader.ts'
import { PcapngReader } from './pcapng-reader.ts'
import { sniff } from './sniff.ts'
import type { LiveEvent } from './source.ts'

export interface LiveOptions {
  /** The host's time of day, in microseconds. */
  readonly hostClock: () => EventTime
  /** Ends the events at once, also on an idle wire. */
  readonly stop: AbortSignal
  /** The stream ended inside a record, as it does when its writer is killed. */
  readonly onTail?: (tail: DamagedTail) => void
}

/** With no frame for this long, the clock moves on by itself. */
const IDLE_MS = 250
/** Frames may still be under way in the kernel's ring and the pipe; an idle clock stays this far behind the host's. */
const IDLE_LAG_US = 250_000

/**
 * Frames of one capture that is being written: by the capture child, tcpdump or dumpcap, as pcap or pcapng. While the
 * wire is idle the host's clock comes instead, so that timers fire. Nothing is held back. Destroys the stream at the end.
 */
export async function* liveEvents(
  stream: Readable,
  info: SourceInfo,
  options: LiveOptions,
): AsyncGenerator<LiveEvent, void, undefined> {
  const { hostClock, stop, onTail } = options
  const end = () => stream.destroy()
  stop.addEventListener('abort', end)
  const batches = readFrames(stream, info, options)
  const wait = new IdleWait(IDLE_MS)
  try {
    while (!stop.aborted) {
      // Asked for once, waited for many times: a race per wait would pile up reactions on an idle wire.
      let result: IteratorResult<FrameBatch, DamagedTail | null> | undefined
      let failure: { readonly error: unknown } | undefined
      const settled = batches.next().then(
        (value) => {
          result = value
          wait.wake()
        },
        (error: unknown) => {
          failure = { error }
          wait.wake()
        },
      )
      while (result === undefined && failure === undefined) {
        await wait.sleep()
        if (result === undefined && failure === undefined && !stop.aborted) {
          yield { kind: 'clock', now: hostClock() - IDLE_LAG_US }
        }
      }
      await settled
      if (failure !== undefined) throw failure.error
      const { done, value } = result!
      if (done === true) {
        if (value !== null && !stop.aborted) onTail?.(value)
        return
      }
      yield { kind: 'frames', batch: value }
    }
  } finally {
    stop.removeEventListener('abort', end)
    wait.wake()
    stream.destroy()
  }
}

async function* readFrames(
  stream: Readable,
  info: SourceInfo,
  options: LiveOptions,
): AsyncGenerator<FrameBatch, DamagedTail | null, undefined> {
  const window = new ByteWindow(new StreamInput(stream), CHUNK_BYTES)
  const type = await sniff(window)
  if (type === 'empty' || options.stop.aborted) return null
  if (type !== 'pcap' && type !== 'pcapng') {
    throw new OffpathError('OFFPATH_E_NOT_CAPTURE', `${info.name} writes neither pcap nor pcapng`, {
      at: info.name,
      remedy: 'The command must write a capture to its standard output, as `tcpdump -U -w -` does.',
    })
  }
  const reader = type === 'pcap' ? new PcapReader() : new PcapngReader()
  return yield* frameBatches(window, reader, new LiveClockGuard(options.hostClock), options.stop, 'leave')
}

/** Sleeps until woken or for a while, whichever is first. */
class IdleWait {
  readonly #milliseconds: number
  #timer: NodeJS.Timeout | undefined
  #resolve: (() => void) | undefined

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds
  }

  sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#timer = setTimeout(() => this.wake(), this.#milliseconds)
    })
  }

  wake(): void {
    clearTimeout(this.#timer)
    this.#resolve?.()
    this.#resolve = undefined
  }
}
