import type { Signal } from '../../../daemon/model/signal.ts'
import type { LossWindow } from '../../../daemon/telemetry/sensor-windows.ts'

/** A minute in which a source lost more than it may. */
export interface LossEvidence {
  readonly share: number
  readonly log10P: number
  readonly fields: Signal['evidence']
  /** How much of what, in words. */
  readonly what: string
  /** A sentence for the operator. */
  readonly remedy: string
}

/** Holes below which an estimate says nothing. */
const LEAST_HOLES = 8
/** Frames whose loss was counted and not estimated, below which it is not worth a word. */
const LEAST_FRAMES = 100
/** What was counted is as certain as a p-value needs to be. */
const CERTAIN_LOG10_P = -12

/** The gravest way in which the window lost at least `limit` of what passed, or null. */
export function lossEvidence(window: LossWindow, limit: number): LossEvidence | null {
  const found = [unseen(window, limit), cut(window, limit), dropped(window, limit)].filter((each) => each !== null)
  return found.sort((a, b) => b.share - a.share)[0] ?? null
}

function unseen({ bytes, unseenBytes, holes }: LossWindow, limit: number): LossEvidence | null {
  const passed = bytes + unseenBytes
  const share = passed === 0 ? 0 : unseenBytes / passed
  if (holes < LEAST_HOLES || share < limit) return null
  // Chernoff's bound on the tail of a Poisson count: so many holes, when half the limit were lost in holes of this size.
  const ratio = share / (limit / 2)
  const log10P = (-holes * (Math.log(ratio) - 1 + 1 / ratio)) / Math.LN10
  return {
    share,
    log10P: Math.max(-300, log10P),
    fields: { unseen_bytes: unseenBytes, bytes, holes },
    what: `${countOf(unseenBytes, 'byte')} in ${countOf(holes, 'hole')} were acknowledged and never arrived here`,
    remedy: "They were lost before Offpath: look at the mirror's load, its path's MTU and the capture host's drops.",
  }
}

function cut({ bytes, frames, cutBytes }: LossWindow, limit: number): LossEvidence | null {
  const share = bytes === 0 ? 0 : cutBytes / bytes
  if (share < limit || frames < LEAST_FRAMES) return null
  return {
    share,
    log10P: CERTAIN_LOG10_P,
    fields: { cut_bytes: cutBytes, bytes },
    what: `${countOf(cutBytes, 'byte')} were cut off by the snap length`,
    remedy:
      'Capture whole frames: a larger snap_length, offload (GRO, LRO) off, a larger MTU on the path of the mirror.',
  }
}

function dropped(window: LossWindow, limit: number): LossEvidence | null {
  const { frames, kernelDrops, interfaceDrops, shedFrames } = window
  const lost = kernelDrops + interfaceDrops + shedFrames
  const share = frames === 0 ? 0 : lost / frames
  if (share < limit || lost < LEAST_FRAMES) return null
  const [what, remedy] =
    shedFrames * 2 > lost
      ? ['were given up because Offpath could not keep up', 'Narrow the filter, give it more cores, or split the load.']
      : interfaceDrops * 2 > lost
        ? ['were dropped by the interface', "See ethtool -S and the mirror's load."]
        : [
            'found the ring or the socket full',
            'Narrow the filter, or raise ring_mib (buffer_mib of a tunnel and net.core.rmem_max).',
          ]
  return {
    share,
    log10P: CERTAIN_LOG10_P,
    fields: { kernel_drops: kernelDrops, interface_drops: interfaceDrops, shed_frames: shedFrames, frames },
    what: `${countOf(lost, 'frame')} ${what}`,
    remedy,
  }
}

function countOf(count: number, noun: string): string {
  return `${Math.round(count).toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`
}
