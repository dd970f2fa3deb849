import { type LossWindow, lossShare, type SensorReading, type SourceReading, summed } from './sensor-windows.ts'
import type { LinkSample } from './source-tallies.ts'

/** Share of what passed that was not seen (`lossShare`), by window; null where nothing passed. */
interface LossJson {
  readonly last_10s: number | null
  readonly last_60s: number | null
  readonly total: number | null
}

/** Which directions of a link's connections were seen. */
export interface LinkQualityJson {
  readonly vlan: number | null
  readonly vni: number | null
  readonly both_sides: number
  readonly requests_only: number
  readonly responses_only: number
  /** Nine in ten of at least 20 connections show one direction only. */
  readonly one_sided: boolean
}

export interface SourceQualityJson {
  readonly kind: string
  readonly name: string
  readonly loss: LossJson
  readonly frames: number
  readonly bytes: number
  readonly unseen_bytes: number
  readonly holes: number
  readonly cut_bytes: number
  readonly kernel_drops: number
  readonly interface_drops: number
  readonly shed_frames: number
  readonly links: readonly LinkQualityJson[]
}

/** How much of the traffic the sensor sees, as status and the summary of a replay say it. */
export interface CaptureQualityJson {
  readonly loss: LossJson
  readonly sources: readonly SourceQualityJson[]
}

const LEAST_CONNECTIONS = 20
const ONE_SIDED = 0.9

export function captureQuality({ sources }: SensorReading): CaptureQualityJson {
  const all = (of: (source: SourceReading) => LossWindow) => summed(sources.map(of))
  return {
    loss: lossJson(
      all(({ short }) => short),
      all(({ long }) => long),
      all(({ total }) => total),
    ),
    sources: sources.map(sourceJson),
  }
}

function sourceJson({ kind, name, short, long, total, links }: SourceReading): SourceQualityJson {
  return {
    kind,
    name,
    loss: lossJson(short, long, total),
    frames: total.frames,
    bytes: total.bytes,
    unseen_bytes: total.unseenBytes,
    holes: total.holes,
    cut_bytes: total.cutBytes,
    kernel_drops: total.kernelDrops,
    interface_drops: total.interfaceDrops,
    shed_frames: total.shedFrames,
    links: links.map(linkJson),
  }
}

function linkJson({ vlan, vni, both, first, second }: LinkSample): LinkQualityJson {
  const all = both + first + second
  return {
    vlan: vlan < 0 ? null : vlan,
    vni: vni < 0 ? null : vni,
    both_sides: both,
    requests_only: first,
    responses_only: second,
    one_sided: all >= LEAST_CONNECTIONS && Math.max(first, second) >= ONE_SIDED * all,
  }
}

function lossJson(short: LossWindow, long: LossWindow, total: LossWindow): LossJson {
  return { last_10s: rounded(lossShare(short)), last_60s: rounded(lossShare(long)), total: rounded(lossShare(total)) }
}

function rounded(share: number | null): number | null {
  return share === null ? null : Math.round(share * 1e6) / 1e6
}
