import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { lossShare, type SensorReading, type SourceReading } from '../../daemon/telemetry/sensor-windows.ts'
import type { Occupancy } from '../baselines/keyed-table.ts'
import { flag, text, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { percentText } from '../finding.ts'
import { sensorSignal } from './capture/sensor-finding.ts'
import { lossEvidence } from './capture-blind/loss-evidence.ts'
import { LinkWatch } from './capture-blind/one-sided.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-3).describe('p-value from which loss is a signal'),
  lossShare: z.number().gt(0).max(0.5).default(0.05).describe('share of bytes or frames not seen that is blindness'),
  oneSidedShare: z.number().gt(0.5).max(1).default(0.9).describe('share of connections seen from one side only'),
  leastConnections: z.int().min(5).default(20).describe('connections of a link before it is judged'),
})
type BlindOptions = z.infer<typeof Options>

/** While it lasts it is said again this often, so that the incident knows. */
const REPEAT_US = MINUTE_US
/** Below half the limit for so long: it sees again. */
const RECOVERED_AFTER_US = 30 * SECOND_US
/** Nothing at all passed for so long: there is nothing to be blind to, and silence is another detector's. */
const GIVEN_UP_AFTER_US = 10 * MINUTE_US
const GRAVE_SHARE = 0.2

const MAX_SOURCES = 256
const MAX_LINKS = 256

/** Source; of blindness that lasts: since, told, whether it was grave; the links that carry one direction only. */
const Kept = z.tuple([text, z.tuple([time, time, flag]).nullable(), z.array(text).max(MAX_LINKS)])
type Kept = z.infer<typeof Kept>

interface Watched {
  blindSince: EventTime | null
  toldAt: EventTime
  toldGrave: boolean
  /** Since when the loss is small again; null while it is not. */
  betterSince: EventTime | null
  trafficAt: EventTime
  readonly links: Map<string, LinkWatch>
}

class CaptureBlind implements Detector {
  readonly stateVersion = 1
  readonly #kept = new Map<string, Kept>()
  readonly #options: BlindOptions
  /** By `kind:name`. The sensor bounds its sources. */
  readonly #sources = new Map<string, Watched>()
  #blindTo: readonly string[] = []

  constructor(options: BlindOptions) {
    this.#options = options
  }

  get blindTo(): readonly string[] {
    return this.#blindTo
  }

  observe(): null {
    return null
  }

  tick(): void {}

  sense({ sources, now }: SensorReading): readonly Signal[] {
    const signals: Signal[] = []
    const blindTo: string[] = []
    for (const source of sources) {
      const name = `${source.kind}:${source.name}`
      const watched = this.#watched(name, now)
      const signal = this.#judge(name, source, watched, now)
      if (signal !== null) signals.push(signal)
      if (watched.blindSince !== null) blindTo.push(name)
      for (const sample of source.links) {
        const link = linkName(name, sample.vlan, sample.vni)
        let watch = watched.links.get(link)
        if (watch === undefined) {
          watch = new LinkWatch(link, this.#options, this.#kept.get(name)?.[2].includes(link))
          watched.links.set(link, watch)
        }
        const found = watch.judge(sample, now)
        if (found !== null) signals.push(found)
      }
    }
    this.#blindTo = blindTo
    return signals
  }

  sizes(): Readonly<Record<string, Occupancy>> {
    return {}
  }

  maturity(): number {
    return 1
  }

  #watched(name: string, now: EventTime): Watched {
    let watched = this.#sources.get(name)
    if (watched === undefined) {
      const [blindSince, toldAt, toldGrave] = this.#kept.get(name)?.[1] ?? [null, 0, false]
      watched = { blindSince, toldAt, toldGrave, betterSince: null, trafficAt: now, links: new Map() }
      this.#sources.set(name, watched)
    }
    return watched
  }

  *snapshot(): IterableIterator<Kept> {
    for (const [name, kept] of this.#kept) if (!this.#sources.has(name)) yield kept
    for (const [name, { blindSince, toldAt, toldGrave, links }] of this.#sources) {
      const oneSided = [...links].filter(([, watch]) => watch.oneSided).map(([link]) => link)
      yield [name, blindSince === null ? null : [blindSince, toldAt, toldGrave], oneSided]
    }
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    if (this.#kept.size < MAX_SOURCES) this.#kept.set(kept[0], kept)
  }

  #judge(name: string, source: SourceReading, watched: Watched, now: EventTime): Signal | null {
    if (lossShare(source.short) !== null) watched.trafficAt = now
    if (watched.blindSince !== null && this.#isOver(source, watched, now)) {
      const since = watched.blindSince
      watched.blindSince = null
      watched.betterSince = null
      const minutes = Math.max(1, Math.round((now - since) / MINUTE_US))
      return sensorSignal(
        {
          detector: 'capture.blind',
          source: name,
          log10P: 0,
          maturity: 1,
          severity: 'info',
          why: `${name} sees again, after ${minutes} min; baselines learn again.`,
          expected: null,
          observed: percentText(lossShare(source.long) ?? 0),
          evidence: { minutes },
          over: true,
        },
        now,
      )
    }
    // The minute may remember a loss that the last seconds do not show any more.
    if ((lossShare(source.short) ?? 0) < this.#options.lossShare / 2) return null
    const evidence = lossEvidence(source.long, this.#options.lossShare)
    if (evidence === null || evidence.log10P > Math.log10(this.#options.report)) return null
    const grave = evidence.share >= GRAVE_SHARE
    const worse = grave && !watched.toldGrave
    if (watched.blindSince !== null && now - watched.toldAt < REPEAT_US && !worse) return null
    watched.blindSince ??= now
    watched.toldGrave = grave
    watched.betterSince = null
    watched.toldAt = now
    const { log10P, share, fields, what, remedy } = evidence
    return sensorSignal(
      {
        detector: 'capture.blind',
        source: name,
        log10P,
        maturity: 1,
        severity: grave ? 'high' : 'medium',
        why: `${name} misses at least ${percentText(share)} of what passes: ${what} in the last minute. What is found meanwhile is a lower bound, and baselines stand still. ${remedy}`,
        expected: `below ${percentText(this.#options.lossShare)}`,
        observed: percentText(share),
        evidence: fields,
      },
      now,
    )
  }

  #isOver(source: SourceReading, watched: Watched, now: EventTime): boolean {
    const share = lossShare(source.short)
    if (share === null) return now - watched.trafficAt >= GIVEN_UP_AFTER_US
    if (share >= this.#options.lossShare / 2) {
      watched.betterSince = null
      return false
    }
    watched.betterSince ??= now
    return now - watched.betterSince >= RECOVERED_AFTER_US
  }
}

/** `pcap:eth1 vlan 12`, `udp-tunnel:aws vni 7`, or the source itself. */
function linkName(source: string, vlan: number, vni: number): string {
  return source + (vlan < 0 ? '' : ` vlan ${vlan}`) + (vni < 0 ? '' : ` vni ${vni}`)
}

export const captureBlind = defineDetector({
  id: 'capture.blind',
  title: 'The sensor misses part of the traffic',
  owasp: [],
  attack: [],
  describes: {
    detects:
      'A source that delivers only part of what passes: bytes that their receiver acknowledged and that never arrived here, frames that the kernel or the interface dropped or that were given up under overload, frames cut by the snap length; and a link (a source, or one VLAN or VNI of it) that carries only one direction of its connections. While a source loses, no baseline learns, and incidents say that they were seen by a blind sensor.',
    statistic:
      'Per source and minute of event time: share = bytes acknowledged or announced and not seen / bytes that passed, and frames dropped / frames. What is counted is certain. What is estimated from acknowledgements counts by holes: the Poisson tail of so many holes if the loss were half the limit. One side: of the connections of a link, each judged after 10 s or at its end, nine in ten show one direction only while acknowledging more and more of the other. It sees again when the loss was below half the limit for 30 s.',
    memory: 'One record per source, at most 256, and per link, at most 65 of a source.',
    warmUp: 'None: it works from the first minute of traffic.',
    traps:
      'Retransmissions and other order are no loss: only what was acknowledged and never came is. A server that is down acknowledges nothing and looks like no loss. No hole counts for more than 64 KiB or than its direction has shown to carry, so a client that acknowledges what was never sent gains little; who sends a sizeable share of all traffic can still make the sensor look blind, which stops learning and nothing else. Missed: loss of whole connections (neither side is seen), loss before the mirror that takes both directions evenly, links of one side with fewer connections than least_connections.',
    tuning:
      'lossShare is what your detectors may live with; 5 % of bytes is about one pair in ten for small exchanges. A mirror that carries one direction on purpose: switch the policy off for it by a condition on `subject`.',
  },
  options: Options,
  create: (options) => new CaptureBlind(options),
})
