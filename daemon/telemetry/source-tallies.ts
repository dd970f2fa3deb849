/** What a source is known by here: the `source` of a transaction without its tags. */
interface SourceName {
  readonly kind: string
  readonly name: string
}

/** Which directions of a judged connection were seen: 0 is the initiator's, where that is known. */
export type SidesSeen = 'both' | 'first' | 'second'

/** Connections of one link: a source, or one VLAN or VNI of it. */
export interface LinkSample {
  /** -1: none. */
  readonly vlan: number
  readonly vni: number
  readonly both: number
  /** Only the initiator's direction was seen: requests without responses. */
  readonly first: number
  readonly second: number
}

/** What one source brought and lost since the start: plain sums that only grow, so that those of several workers add up. */
export interface SourceSample {
  readonly kind: string
  readonly name: string
  /** Frames as in the funnel: those that kernel and interface dropped are among them. */
  readonly frames: number
  /** TCP segments that reached their flow. */
  readonly segments: number
  /** TCP payload of these, in bytes. */
  readonly bytes: number
  /** Bytes that their receiver acknowledged and that were never seen, in so many holes. A lower bound: see lostBehind. */
  readonly unseenBytes: number
  readonly holes: number
  /** Bytes on the wire that the snap length cut off. */
  readonly cutBytes: number
  readonly kernelDrops: number
  readonly interfaceDrops: number
  /** Frames of whole flows that were given up under overload. */
  readonly shedFrames: number
  /** Records of a topic or a log. */
  readonly records: number
  /** More than 0: nothing more is to come. */
  readonly ended: number
  /** By VLAN and VNI. */
  readonly links: readonly LinkSample[]
}

/** The most that one hole counts for, and the least it may: who acknowledges what was never sent gains little by it. */
const MOST_PER_HOLE = 64 * 1024
const LEAST_PER_HOLE = 4096
/** Links told apart in one source; further ones are counted together, without a tag. */
const MAX_LINKS = 64

/** The tally of one source while it is kept. The packet path does not touch it: it is brought up to date from the funnel. */
export class SourceTally {
  readonly kind: string
  readonly name: string
  frames = 0
  segments = 0
  bytes = 0
  unseenBytes = 0
  holes = 0
  cutBytes = 0
  kernelDrops = 0
  interfaceDrops = 0
  shedFrames = 0
  records = 0
  ended = 0
  readonly #links = new Map<number, { vlan: number; vni: number; both: number; first: number; second: number }>()

  constructor({ kind, name }: SourceName) {
    this.kind = kind
    this.name = name
  }

  /**
   * `length` acknowledged bytes of a direction will not come; `seen` were seen of it before. No hole counts for more than
   * its direction has shown to carry: a client can acknowledge what no server sent, and must not look like a blind sensor.
   */
  lostBehind(seen: number, length: number): void {
    this.holes++
    this.unseenBytes += Math.min(length, Math.max(LEAST_PER_HOLE, Math.min(seen, MOST_PER_HOLE)))
  }

  /** A connection of this link was judged. */
  judged(vlan: number, vni: number, sides: SidesSeen): void {
    this.#link(vlan, vni)[sides]++
  }

  #link(vlan: number, vni: number): { both: number; first: number; second: number } {
    const key = (vlan + 1) * 0x2000000 + vni + 1
    const known = this.#links.get(key)
    if (known !== undefined) return known
    if (this.#links.size >= MAX_LINKS && key !== 0) return this.#link(-1, -1)
    const link = { vlan, vni, both: 0, first: 0, second: 0 }
    this.#links.set(key, link)
    return link
  }

  /** Counts what another tally of the same source counted, too. */
  add(sample: SourceSample): void {
    this.frames += sample.frames
    this.segments += sample.segments
    this.bytes += sample.bytes
    this.unseenBytes += sample.unseenBytes
    this.holes += sample.holes
    this.cutBytes += sample.cutBytes
    this.kernelDrops += sample.kernelDrops
    this.interfaceDrops += sample.interfaceDrops
    this.shedFrames += sample.shedFrames
    this.records += sample.records
    this.ended += sample.ended
    for (const { vlan, vni, both, first, second } of sample.links) {
      const link = this.#link(vlan, vni)
      link.both += both
      link.first += first
      link.second += second
    }
  }

  sample(): SourceSample {
    const { kind, name, frames, segments, bytes, unseenBytes, holes, cutBytes, records } = this
    const { kernelDrops, interfaceDrops, shedFrames, ended } = this
    const links = [...this.#links.values()].map((link) => ({ ...link }))
    return {
      kind,
      name,
      frames,
      segments,
      bytes,
      unseenBytes,
      holes,
      cutBytes,
      kernelDrops,
      interfaceDrops,
      shedFrames,
      records,
      ended,
      links,
    }
  }
}

/** Sources of a configuration are few, but records name theirs themselves: further ones are counted as one. */
const MAX_SOURCES = 256
const OTHERS: SourceName = { kind: 'file', name: 'others' }

/** The tallies of all sources, and the one whose frames are being read. */
export class SourceTallies {
  readonly #tallies = new Map<string, SourceTally>()
  /** Whose frames are being read: flows that open belong to it. */
  current = new SourceTally({ kind: 'file', name: '' })

  of(source: SourceName): SourceTally {
    const key = `${source.kind}:${source.name}`
    let tally = this.#tallies.get(key)
    if (tally === undefined) {
      if (this.#tallies.size >= MAX_SOURCES && source !== OTHERS) return this.of(OTHERS)
      tally = new SourceTally(source)
      this.#tallies.set(key, tally)
    }
    return tally
  }

  /** In the order in which they were first heard of. */
  samples(): SourceSample[] {
    return [...this.#tallies.values()].map((tally) => tally.sample())
  }
}

/** The samples of several workers, each of which has read a part of every source, as one. The order of the first is kept. */
export function mergeSamples(parts: readonly (readonly SourceSample[])[]): SourceSample[] {
  const merged = new SourceTallies()
  for (const samples of parts) for (const sample of samples) merged.of(sample).add(sample)
  return merged.samples()
}
