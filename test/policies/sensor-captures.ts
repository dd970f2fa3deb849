import type { CapturedFrame } from '../mutate/capture-file.ts'
import { exchange } from '../mutate/exchange.ts'
import { seeded } from '../mutate/mutators.ts'
import { payloadLength, resent, tcpParts } from '../mutate/tcp-frame.ts'

/**
 * What the sensor's own detectors are tested with (policies/tests/*.pcap.gz): a mirror that loses segments, and one that
 * shows each of them twice; a feed that stops, and one that falls asleep.
 */

const NINE = Date.UTC(2026, 10, 20, 9)
const SECOND = 1000
const MINUTE = 60 * SECOND

/** Exchanges at these milliseconds after nine, in order of time. */
export function exchangesAt(times: readonly number[], responseBytes = 200): CapturedFrame[] {
  return inOrder(times.flatMap((at, number) => exchange({ atMs: NINE + at, number, responseBytes })))
}

function every(ms: number, from: number, to: number): number[] {
  return Array.from({ length: Math.ceil((to - from) / ms) }, (_, i) => from + i * ms)
}

function inOrder(frames: readonly CapturedFrame[]): CapturedFrame[] {
  return [...frames].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
}

/** A response of 6 KB each second for three minutes; in the second of them `touch` changes data segments of responses. */
function busy(touch: (frame: CapturedFrame) => CapturedFrame[]): CapturedFrame[] {
  const from = BigInt(NINE + MINUTE) * 1_000_000n
  const to = BigInt(NINE + 2 * MINUTE) * 1_000_000n
  const touched = exchangesAt(every(SECOND, 0, 3 * MINUTE), 6000).flatMap((frame) => {
    const at = tcpParts(frame)!
    const isData = payloadLength(at) > 500 && frame.time >= from && frame.time < to
    return isData ? touch(frame) : [frame]
  })
  return inOrder(touched)
}

/** One in eight segments of responses never arrives, though the client acknowledges it. */
function lossyMirror(): CapturedFrame[] {
  const random = seeded(1)
  return busy((frame) => (random() < 0.125 ? [] : [frame]))
}

/** The same segments are sent again, as on a lossy path in front of the mirror. */
function lossyPath(): CapturedFrame[] {
  const random = seeded(1)
  return busy((frame) => {
    if (random() >= 0.125) return [frame]
    const again = resent(frame)
    return [frame, { ...again, time: again.time + 300_000_000n }]
  })
}

/** A request every five seconds for twenty minutes, then ten minutes of nothing, then as before. */
function feedStops(): CapturedFrame[] {
  return exchangesAt([...every(5 * SECOND, 0, 20 * MINUTE), ...every(5 * SECOND, 30 * MINUTE, 31 * MINUTE)])
}

/** A request every five seconds for twenty minutes, then ever fewer, until one comes in twenty minutes. */
function quietNight(): CapturedFrame[] {
  const times = every(5 * SECOND, 0, 20 * MINUTE)
  for (let gap = 5 * SECOND; gap < 20 * MINUTE; gap *= 1.04) times.push(times.at(-1)! + gap)
  return exchangesAt(times)
}

export const SENSOR_CAPTURES: Readonly<Record<string, () => CapturedFrame[]>> = {
  'lossy-mirror.pcap.gz': lossyMirror,
  'lossy-path.pcap.gz': lossyPath,
  'feed-stops.pcap.gz': feedStops,
  'quiet-night.pcap.gz': quietNight,
}
