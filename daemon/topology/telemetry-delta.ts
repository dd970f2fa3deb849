import type { Telemetry } from '../telemetry/counters.ts'
import type { FunnelStage, LedgerTotals } from '../telemetry/funnel.ts'
import type { LinkSample, SourceSample } from '../telemetry/source-tallies.ts'
import type { Weird } from '../telemetry/weirds.ts'

/** What was counted between two points of the input. */
export interface TelemetryDelta {
  readonly funnel: Readonly<Record<FunnelStage, LedgerTotals>>
  readonly sources: readonly SourceSample[]
  readonly weirds: readonly (readonly [Weird, number])[]
  readonly counters: readonly (readonly [string, number])[]
}

/** Counts what was counted elsewhere. */
export function addDelta({ funnel, weirds, counters }: Telemetry, delta: TelemetryDelta): void {
  funnel.add(delta.funnel, delta.sources)
  for (const [name, count] of delta.weirds) weirds.add(name, count)
  for (const [name, count] of delta.counters) counters.add(name, count)
}

type Counted = Omit<TelemetryDelta, 'weirds'> & { readonly weirds: readonly (readonly [string, number])[] }

/** Tells what a part of the program has counted since it was last asked. */
export class DeltaTaker {
  readonly #telemetry: Telemetry
  #told: Counted

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry
    this.#told = counted(telemetry)
  }

  take(): TelemetryDelta {
    const before = this.#told
    const now = counted(this.#telemetry)
    this.#told = now
    return {
      funnel: {
        frames: difference(now.funnel.frames, before.funnel.frames),
        bytes: difference(now.funnel.bytes, before.funnel.bytes),
        messages: difference(now.funnel.messages, before.funnel.messages),
        pairs: difference(now.funnel.pairs, before.funnel.pairs),
      },
      sources: now.sources.map((sample, index) => sourceDifference(sample, before.sources[index])),
      weirds: countDifferences(now.weirds, before.weirds) as [Weird, number][],
      counters: countDifferences(now.counters, before.counters),
    }
  }
}

function counted({ funnel, weirds, counters }: Telemetry): Counted {
  return {
    funnel: funnel.totals(),
    sources: funnel.bySource(),
    weirds: weirds.entries(),
    counters: counters.entries(),
  }
}

function difference(now: LedgerTotals, before: LedgerTotals): LedgerTotals {
  const dropped: Record<string, number> = {}
  for (const [cause, count] of Object.entries(now.dropped)) {
    const more = count - (before.dropped[cause] ?? 0)
    if (more !== 0) dropped[cause] = more
  }
  return { in: now.in - before.in, delivered: now.delivered - before.delivered, dropped }
}

function countDifferences(
  now: readonly (readonly [string, number])[],
  before: readonly (readonly [string, number])[],
): [string, number][] {
  const known = new Map(before)
  const more: [string, number][] = []
  for (const [name, count] of now) if (count !== known.get(name)) more.push([name, count - (known.get(name) ?? 0)])
  return more
}

/** Sources are only ever appended, so the same one stands at the same place. */
function sourceDifference(now: SourceSample, before: SourceSample | undefined): SourceSample {
  if (before === undefined) return now
  const links = new Map(before.links.map((link) => [`${link.vlan} ${link.vni}`, link]))
  return {
    kind: now.kind,
    name: now.name,
    frames: now.frames - before.frames,
    segments: now.segments - before.segments,
    bytes: now.bytes - before.bytes,
    unseenBytes: now.unseenBytes - before.unseenBytes,
    holes: now.holes - before.holes,
    cutBytes: now.cutBytes - before.cutBytes,
    kernelDrops: now.kernelDrops - before.kernelDrops,
    interfaceDrops: now.interfaceDrops - before.interfaceDrops,
    shedFrames: now.shedFrames - before.shedFrames,
    records: now.records - before.records,
    ended: now.ended - before.ended,
    links: now.links.map((link) => linkDifference(link, links.get(`${link.vlan} ${link.vni}`))),
  }
}

function linkDifference(now: LinkSample, before: LinkSample | undefined): LinkSample {
  if (before === undefined) return now
  const { vlan, vni } = now
  return {
    vlan,
    vni,
    both: now.both - before.both,
    first: now.first - before.first,
    second: now.second - before.second,
  }
}
