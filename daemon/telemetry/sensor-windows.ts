import { type EventTime, SECOND_US } from '../model/time.ts'
import type { LinkSample, SourceSample } from './source-tallies.ts'

/** `starting`: not there yet. `down`: it ended by itself and is being started again. `ended`: nothing more is to come. */
export type SourceState = 'starting' | 'reading' | 'ended' | 'down'

/** What a source brought and lost within a window of event time. */
export interface LossWindow {
  readonly frames: number
  readonly segments: number
  readonly bytes: number
  readonly unseenBytes: number
  readonly holes: number
  readonly cutBytes: number
  readonly kernelDrops: number
  readonly interfaceDrops: number
  readonly shedFrames: number
  readonly records: number
}

export interface SourceReading {
  readonly kind: string
  readonly name: string
  readonly state: SourceState
  /** Why it is down, as far as is known. */
  readonly why: string | null
  /** The last 10 s and the last 60 s. */
  readonly short: LossWindow
  readonly long: LossWindow
  /** Since the start. */
  readonly total: LossWindow
  readonly links: readonly LinkSample[]
}

/** What the sensor says of itself at one tick of the event clock. */
export interface SensorReading {
  readonly now: EventTime
  /** Sources of which something came, or whose state is known. */
  readonly sources: readonly SourceReading[]
}

export const SHORT_SECONDS = 10
export const LONG_SECONDS = 60

const NOTHING: LossWindow = {
  frames: 0,
  segments: 0,
  bytes: 0,
  unseenBytes: 0,
  holes: 0,
  cutBytes: 0,
  kernelDrops: 0,
  interfaceDrops: 0,
  shedFrames: 0,
  records: 0,
}
const FIELDS = Object.keys(NOTHING) as (keyof LossWindow)[]
const NO_LINKS: readonly LinkSample[] = []

/**
 * Share of what passed that was not seen, 0..1: bytes that were acknowledged or announced and never captured, or frames
 * that kernel, interface or overload took, whichever is more. A lower bound; null when nothing passed.
 */
export function lossShare(window: LossWindow): number | null {
  const { frames, bytes, unseenBytes, cutBytes, kernelDrops, interfaceDrops, shedFrames } = window
  if (frames === 0 && bytes === 0) return null
  const ofBytes = bytes + unseenBytes === 0 ? 0 : (unseenBytes + cutBytes) / (bytes + unseenBytes)
  const ofFrames = frames === 0 ? 0 : (kernelDrops + interfaceDrops + shedFrames) / frames
  return Math.min(1, Math.max(ofBytes, ofFrames))
}

/** The sum of windows of several sources. */
export function summed(windows: readonly LossWindow[]): LossWindow {
  const sum = { ...NOTHING }
  for (const window of windows) for (const field of FIELDS) sum[field] += window[field]
  return sum
}

interface Watched {
  readonly kind: string
  readonly name: string
  state: SourceState
  why: string | null
  /** The totals at the ticks of the last LONG_SECONDS, oldest first, and the newest before them. */
  readonly past: { readonly at: EventTime; readonly total: LossWindow }[]
  total: LossWindow
  links: readonly LinkSample[]
}

/**
 * Sliding windows over the tallies of every source, moved on by the ticks of the event clock, with what is known of the
 * sources' states. Synchronous and without a clock of its own: the same input gives the same readings.
 *
 * Memory     LONG_SECONDS + 1 totals per source; SourceTallies bounds the sources
 */
export class SensorWindows {
  readonly #sources = new Map<string, Watched>()
  #reading: SensorReading = { now: Number.NEGATIVE_INFINITY, sources: [] }

  /** The reading of the last tick. */
  get reading(): SensorReading {
    return this.#reading
  }

  /** A source is known to be in this state from now on; it shows at the next tick. */
  state(kind: string, name: string, state: SourceState, why: string | null): void {
    const source = this.#of(kind, name)
    source.state = state
    source.why = why
  }

  /** A tick: the totals up to `now`. */
  take(samples: readonly SourceSample[], now: EventTime): SensorReading {
    for (const sample of samples) {
      const source = this.#of(sample.kind, sample.name)
      source.total = sample
      source.links = sample.links
      // Who brings something reads, whatever was said of it before.
      if (source.state === 'starting') source.state = 'reading'
      if (sample.ended > 0) source.state = 'ended'
    }
    const sources: SourceReading[] = []
    for (const source of this.#sources.values()) sources.push(readingOf(source, now))
    this.#reading = { now, sources }
    return this.#reading
  }

  #of(kind: string, name: string): Watched {
    const key = `${kind}:${name}`
    let source = this.#sources.get(key)
    if (source === undefined) {
      source = { kind, name, state: 'starting', why: null, past: [], total: NOTHING, links: NO_LINKS }
      this.#sources.set(key, source)
    }
    return source
  }
}

function readingOf(source: Watched, now: EventTime): SourceReading {
  const { kind, name, state, why, past, links } = source
  const total = totalOf(source.total)
  const short = since(past, total, now - SHORT_SECONDS * SECOND_US)
  const long = since(past, total, now - LONG_SECONDS * SECOND_US)
  past.push({ at: now, total })
  while (past.length > 1 && past[1]!.at <= now - LONG_SECONDS * SECOND_US) past.shift()
  return { kind, name, state, why, short, long, total, links }
}

/** What was added after `from`. Before the first tick nothing was. */
function since(past: Watched['past'], total: LossWindow, from: EventTime): LossWindow {
  let base = NOTHING
  for (const { at, total: then } of past) {
    if (at > from) break
    base = then
  }
  const added = { ...NOTHING }
  for (const field of FIELDS) added[field] = total[field] - base[field]
  return added
}

function totalOf(sample: LossWindow): LossWindow {
  const total = { ...NOTHING }
  for (const field of FIELDS) total[field] = sample[field]
  return total
}
