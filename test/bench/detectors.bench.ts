/**
 * The detectors alone: CPU nanoseconds per transaction, ticks included, over thirty days of 150 people (test/conformance).
 *
 *   npx esbuild test/bench/detectors.bench.ts --bundle --platform=node --format=esm --outfile=.cache/detectors.mjs
 *   node .cache/detectors.mjs
 *
 * Nine transactions a minute, so that closing windows weighs more than it would under load.
 */
import { DetectorSet } from '../../analyzers/analysis.ts'
import type { DetectorDeclaration } from '../../analyzers/detector.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import { ENDPOINT_DEFAULTS, EndpointMapper } from '../../daemon/endpoints/mapper.ts'
import { DAY_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Principal, Transaction } from '../../daemon/model/transaction.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { learntDay, World } from '../conformance/detectors/world.ts'

const DAYS = 30
const ROUNDS = 7

const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
const mapper = new EndpointMapper(ENDPOINT_DEFAULTS, telemetry)
/** Identity hands out one object per caller. */
const callers = new Map<string, Principal>()
const traffic: Transaction[] = []
for (let day = 0; day < DAYS; day++) {
  const world = new World(day)
  learntDay(world)
  for (const tx of world.transactions.sort((a, b) => a.endTime - b.endTime)) {
    const principal = callers.get(tx.principal.id) ?? tx.principal
    callers.set(principal.id, principal)
    const shifted = { ...tx, principal, endTime: tx.endTime + day * DAY_US }
    mapper.map(shifted)
    traffic.push(shifted)
  }
}

function round(declarations: readonly DetectorDeclaration[]): number {
  const enabled = declarations.map((declaration) => ({ declaration, options: {} }))
  const set = new DetectorSet(enabled, telemetry)
  const start = process.cpuUsage()
  let tickedAt = 0
  for (const tx of traffic) {
    if (tx.endTime - tickedAt >= SECOND_US) {
      set.tick(tx.endTime)
      tickedAt = tx.endTime
    }
    set.observe(tx, tx.endTime)
  }
  const { user, system } = process.cpuUsage(start)
  return ((user + system) * 1000) / traffic.length
}

function report(name: string, declarations: readonly DetectorDeclaration[]): void {
  const rounds = Array.from({ length: ROUNDS }, () => round(declarations)).sort((a, b) => a - b)
  const [low, middle, high] = [rounds[0]!, rounds[ROUNDS >> 1]!, rounds[ROUNDS - 1]!].map(Math.round)
  process.stdout.write(`${name.padEnd(20)} ${middle} ns per transaction (${low}-${high})\n`)
}

for (const declaration of DETECTORS) report(declaration.id, [declaration])
report('all', DETECTORS)
