import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DetectorSet } from '../../analyzers/analysis.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { IncidentBook } from '../../daemon/incidents/incident-book.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { parseTime } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { assemble, nativeReader } from '../../daemon/topology/assemble.ts'
import { buildDetection } from '../../daemon/topology/detection.ts'
import { EventClock } from '../../daemon/topology/event-clock.ts'

const ROOT = join(import.meta.dirname, '../..')
const FOLDER = join(ROOT, 'policies/tests')
const { config } = effectiveConfig(CONFIG_SCHEMA, null, {
  detectors: { 'scan.tripwire': { paths: ['/v1/internal/payroll-export'] } },
})

const RULES = shippedPolicies().rules

/** Transactions of a recording, as detectors are shown them. */
async function recording(name: string): Promise<Transaction[]> {
  const seen: Transaction[] = []
  const assembly = assemble({
    config,
    key: TEST_KEY,
    bodies: true,
    detect: buildDetection,
    listeners: { transaction: (transaction) => seen.push(transaction) },
    detectorFailed: () => {},
  })
  const reader = nativeReader(assembly, { kind: 'file', name })
  for (const [i, line] of readFileSync(join(FOLDER, name), 'utf8').trim().split('\n').entries()) {
    const record = JSON.parse(line) as Record<string, unknown>
    const endUs = parseTime(String(record.end_ts))!
    const transaction = reader.read(record, i + 1, endUs, false)
    if (transaction !== null) assembly.chain.transaction(transaction, endUs)
  }
  await assembly.chain.close()
  reader.close()
  return seen
}

/** One life of the process: all detectors, and the incidents whose callers teach nothing. */
class Life {
  readonly #set: DetectorSet
  readonly #book: IncidentBook
  readonly #clock = new EventClock((now) => this.#tick(now))
  #signals: Signal[] = []

  /** `now`: where the event clock of the life before stood. */
  constructor(now: number | null = null) {
    const telemetry = { counters: new Counters(), funnel: new LossFunnel(), weirds: new WeirdCounts() }
    const enabled = DETECTORS.map((declaration) => ({ declaration, options: {} }))
    this.#set = new DetectorSet(enabled, telemetry, (detector, error) => {
      throw new Error(detector, { cause: error })
    })
    this.#book = new IncidentBook({ telemetry, rules: RULES })
    if (now !== null) this.#clock.advance(now)
  }

  /** Signals of this transaction and of the ticks before it. */
  observe(tx: Transaction): readonly Signal[] {
    this.#signals = []
    this.#clock.advance(tx.endTime)
    for (const signal of this.#set.observe(tx, tx.endTime)) this.#take(signal)
    return this.#signals
  }

  #tick(now: number): void {
    this.#set.tick(now)
    for (const signal of this.#set.sense({ now, sources: [] })) this.#take(signal)
    this.#report(this.#book.tick(now), now)
  }

  #take(signal: Signal): void {
    this.#signals.push(signal)
    this.#report(this.#book.push(signal), signal.time)
  }

  #report(changes: ReturnType<IncidentBook['push']>, now: number): void {
    for (const { kind, incident } of changes) {
      if (kind === 'updated') continue
      for (const id of incident.detectors) this.#set.suspect(id, incident.subject, kind === 'opened', now)
    }
  }

  /** What is kept, as text, by the name of its part. */
  kept(): [string, string][] {
    return this.#set
      .parts()
      .flatMap((part) => [...part.snapshot()].map((line): [string, string] => [part.name, JSON.stringify(line)]))
  }

  /** What the next life begins with: as it was written, and read again. */
  next(): Life {
    const life = this.forgetful()
    const parts = new Map(life.#set.parts().map((part) => [part.name, part]))
    for (const [name, line] of this.kept()) parts.get(name)!.restore(JSON.parse(line))
    return life
  }

  /** The same incidents, but nothing learnt. */
  forgetful(): Life {
    const life = new Life(this.#clock.started ? this.#clock.now : null)
    life.#book.restore(JSON.parse(JSON.stringify(this.#book.held())))
    return life
  }
}

/** What the sensor did not see while it was away is no silence of a service: one that had begun begins anew, and is told later. */
const BEGINS_ANEW = 'regression.silence'
/** Not to be told from these recordings: the same class as another detector, or a restart in the tests of its own. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'baseline.frozen': 'analyzers/detectors/baseline-frozen.test.ts',
  'auth.otp': 'auth.bruteforce',
  'auth.spray': 'auth.stuffing',
  'consumption.cost': 'consumption.rate',
  'consumption.size': 'consumption.rate',
  'consumption.volume': 'consumption.rate',
  'capture.blind': 'test/conformance/sensor.test.ts',
  'capture.silent': 'test/conformance/sensor.test.ts',
  'inventory.drift': 'analyzers/detectors/inventory-drift.test.ts',
  'regression.latency': 'test/conformance/regressions.test.ts',
  'regression.security': 'test/conformance/regressions.test.ts',
}

const keptOf = (life: Life) => new Set(life.kept().map(([part, line]) => `${part} ${line}`))
const tell = (life: Life, list: readonly Transaction[]) => list.flatMap((tx) => life.observe(tx))
const others = (signals: readonly Signal[]) => signals.filter(({ detector }) => detector !== BEGINS_ANEW)
const told = (signals: readonly Signal[], detector: string) =>
  JSON.stringify(signals.filter((signal) => signal.detector === detector))

/** Detectors whose signals were others without what had been learnt. */
const needed = new Set<string>()

describe('killed at any moment and started again from what was kept, detectors go on as if they had never stopped', () => {
  test.each(readdirSync(FOLDER).filter((name) => name.endsWith('.jsonl')))('%s', async (name) => {
    const list = await recording(name)
    const unbroken = new Life()
    const signals = list.map((tx) => [...unbroken.observe(tx)])
    const spoke = signals.flatMap((each, i) => (each.length > 0 ? [i] : []))
    if (spoke.length === 0) return
    for (const cut of new Set([spoke[spoke.length >> 1]!, spoke.at(-1)! + 1])) {
      const before = new Life()
      tell(before, list.slice(0, cut))
      const after = before.next()
      expect(keptOf(after)).toEqual(keptOf(before))
      const rest = signals.slice(cut).flat()
      const again = tell(after, list.slice(cut))
      expect(others(again)).toEqual(others(rest))
      const without = tell(before.forgetful(), list.slice(cut))
      for (const { id } of DETECTORS) if (told(without, id) !== told(again, id)) needed.add(id)
    }
  })

  test('and every detector that keeps what it learnt needs it', () => {
    const keep = DETECTORS.filter(({ create, options }) => create(options.parse({})).stateVersion !== undefined)
    const covered = (id: string) => needed.has(id) || id in ELSEWHERE
    expect(keep.map(({ id }) => id).filter((id) => !covered(id))).toEqual([])
    expect(Object.keys(ELSEWHERE).filter((id) => needed.has(id))).toEqual([])
    for (const twin of Object.values(ELSEWHERE))
      expect(needed.has(twin) || existsSync(join(ROOT, twin)), twin).toBe(true)
    // Those without a state of their own: payloads are judged by what all their detectors know, a decoy by what was declared, and
    // what the others give up is told at once.
    const rest = DETECTORS.filter((each) => !keep.includes(each) && each.reads !== 'payloads')
    expect(rest.map(({ id }) => id)).toEqual(['baseline.model_changed', 'scan.tripwire'])
    expect(needed).toContain('injection.sqli')
  })
})
