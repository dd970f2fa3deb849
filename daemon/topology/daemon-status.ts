import { readFileSync } from 'node:fs'
import type { LearningState } from '../../analyzers/learning-gate.ts'
import type { PublisherStatus } from '../../sinks/kafka/publisher.ts'
import type { StoreStatus } from '../../sinks/store/store.ts'
import type { StatusJson, WebhookStatusJson } from '../api/operations.ts'
import type { Incident } from '../model/incident.ts'
import { type EventTime, formatTime } from '../model/time.ts'
import { captureQuality } from '../telemetry/capture-quality.ts'
import type { EngineStatus } from './engine-protocol.ts'
import type { Watch } from './run.ts'

const RATE_OVER_MS = 10_000
const NOTHING = { in: 0, delivered: 0, dropped: {} }

/** What the parts of the daemon say of themselves. */
export interface StatusParts {
  readonly version: string
  readonly watch: Watch | null
  readonly detectors: readonly string[]
  readonly incidents: Iterable<Incident>
  readonly actions: StatusJson['actions']
  readonly policies: StatusJson['policies']
  readonly store: StoreStatus | null
  readonly webhooks: readonly WebhookStatusJson[]
  readonly storePid: number | null
}

/** Puts the status together; keeps the newest word of the engine, and how many pairs it had seen in the last seconds. */
export class DaemonStatus {
  readonly #startedMs: number
  readonly #nowMs: () => number
  #engine: EngineStatus | null = null
  #pairs: { readonly atMs: number; readonly pairs: number }[] = []

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
    this.#startedMs = nowMs()
  }

  heard(engine: EngineStatus): void {
    const atMs = this.#nowMs()
    this.#engine = engine
    this.#pairs = this.#pairs.filter((then) => atMs - then.atMs <= RATE_OVER_MS)
    this.#pairs.push({ atMs, pairs: engine.funnel.pairs.in })
  }

  /** Of a sensor; null elsewhere. */
  get publisher(): PublisherStatus | null {
    return this.#engine?.publisher ?? null
  }

  /** How far the engine has read; null before the first record. */
  get eventTime(): EventTime | null {
    return this.#engine?.now ?? null
  }

  json(parts: StatusParts): StatusJson {
    const engine = this.#engine
    const open = [...parts.incidents].filter(({ closedAt }) => closedAt === null)
    return {
      version: parts.version,
      pid: process.pid,
      started_at: new Date(this.#startedMs).toISOString(),
      event_time: engine === null || engine.now === null ? null : formatTime(engine.now),
      sources: parts.watch?.sources() ?? [],
      ...(this.publisher === null ? {} : { publisher: this.publisher }),
      funnel: engine?.funnel ?? { frames: NOTHING, bytes: NOTHING, messages: NOTHING, pairs: NOTHING },
      quality: engine?.quality ?? captureQuality({ now: 0, sources: [] }),
      learning: learningJson(engine?.learning ?? null),
      tables: engine?.tables ?? {},
      pairs_per_second: this.#rate(),
      weirds: Object.fromEntries(engine?.weirds ?? []),
      counters: Object.fromEntries(engine?.counters ?? []),
      detectors: parts.detectors.map((id) => {
        const state = engine?.detectors.find((detector) => detector.id === id)
        return { id, enabled: state !== undefined && !state.failed, maturity: rounded(state?.maturity ?? 0) }
      }),
      incidents: { open: open.length, by_severity: countBy(open, ({ severity }) => severity) },
      actions: parts.actions,
      policies: parts.policies,
      store: parts.store,
      webhooks: parts.webhooks,
      processes: [
        { name: 'control', pid: process.pid as number | null },
        ...(parts.watch?.processes() ?? []),
        ...(parts.store === null ? [] : [{ name: 'store', pid: parts.storePid }]),
      ].map(({ name, pid }) => ({ name, pid, rss_bytes: pid === null ? null : rssOf(pid) })),
    }
  }

  #rate(): number {
    const first = this.#pairs[0]
    const last = this.#pairs.at(-1)
    if (first === undefined || last === undefined || last.atMs === first.atMs) return 0
    return rounded((last.pairs - first.pairs) / ((last.atMs - first.atMs) / 1000))
  }
}

function learningJson(state: LearningState | null): StatusJson['learning'] {
  const { frozen, since, blindTo } = state ?? { frozen: false, since: null, blindTo: [] }
  return { frozen, since: since === null ? null : formatTime(since), blind_to: blindTo }
}

function countBy<Item>(items: readonly Item[], key: (item: Item) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1
  return counts
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

const KIB = 1024

/** Resident memory of a process (proc(5)); null where it cannot be told. */
function rssOf(pid: number): number | null {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return line === null ? null : Number(line[1]) * KIB
  } catch {
    return null
  }
}
