import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { HOUR_US } from '../../daemon/model/time.ts'
import type { Intensity } from '../../world/attacks/attack.ts'
import { attackNamed } from '../../world/attacks/registry.ts'
import type { Exchange } from '../../world/exchange.ts'
import { scheduled } from '../../world/plan.ts'
import { DEFAULT_START_US, World } from '../../world/world.ts'
import { mapCost } from './map-cost.ts'
import { MapJudge, type MapScore } from './map-score.ts'
import { judgePackets, judgeRecords } from './run-world.ts'
import type { Merge } from './templates.ts'

/** What must not confuse who and what: paths tried at random, refusals of everything, crowds, broken clients. */
const NOISE: readonly (readonly [string, Intensity])[] = [
  ['scan.probing', 'blatant'],
  ['scan.probing', 'moderate'],
  ['scan.probing.refused', 'blatant'],
  ['scan.probing.refused', 'moderate'],
  ['scan.tripwire', 'blatant'],
  ['twin.client_bug', 'moderate'],
  ['twin.office_morning', 'stealthy'],
  ['object.enumeration.random', 'moderate'],
  ['auth.stuffing', 'moderate'],
]
/** Learning time that the gate on templates leaves out. */
const WARM_UP = 10_000
const COST_SAMPLE = 20_000
const RATE = 40
/** Monday, eight in the morning. */
const START_US = DEFAULT_START_US + 8 * HOUR_US

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    requests: { type: 'string', default: '200000' },
    input: { type: 'string', default: 'records' },
    short: { type: 'boolean', default: false },
    output: { type: 'string', short: 'o', default: 'table' },
    users: { type: 'string', default: '4000' },
  },
})

interface Gate {
  readonly what: string
  readonly value: number
  readonly limit: number
  /** Whether the value must be at least the limit, or at most. */
  readonly least: boolean
  readonly unit: '%' | 'us' | ''
}

const requests = values.short ? 30_000 : Number(values.requests)
const users = Number(values.users)
// First, while nothing else is in the heap: the program that is measured has no world in it.
const cost = mapCost([...exchangesOf(new World({ seed: values.seed, users }), COST_SAMPLE, 'end')])
const world = new World({ seed: values.seed, users })
const judge = new MapJudge(WARM_UP, world.secrets.traces)
await play()
const score = judge.score()
const gates = gatesOf(score)
if (values.output === 'json') printJson()
else printTable()
process.exitCode = gates.every(passes) ? 0 : 1

async function play(): Promise<void> {
  const packets = values.input === 'packets'
  const exchanges = exchangesOf(world, requests, packets ? 'start' : 'end')
  const take: Parameters<typeof judgePackets>[1] = (transaction, truth) => judge.take(transaction, truth)
  if (packets) await judgePackets(exchanges, take)
  else await judgeRecords(exchanges, values.seed, take)
}

function exchangesOf(of: World, most: number, order: 'end' | 'start'): Iterable<Exchange> {
  const days = requests / RATE / 86_400
  const wanted = NOISE.map(([name, intensity]) => ({ attack: attackNamed(name)!, intensity }))
  const assaults = scheduled(wanted, values.seed, START_US, days)
  return of.run({ startUs: START_US, days: 2 * days, rate: RATE, most, assaults, order })
}

function gatesOf({ templates, principals, junk, leaks }: MapScore): Gate[] {
  const wrong = principals.merges().reduce((sum, merge) => sum + merge.wrong, 0)
  return [
    { what: 'transactions in the right template', value: 100 * templates.share, limit: 99, least: true, unit: '%' },
    { what: 'principals, pairwise F1', value: 100 * principals.score().f1, limit: 99.5, least: true, unit: '%' },
    {
      what: 'dangerous merges',
      value: (100 * wrong) / Math.max(1, principals.total),
      limit: 0.1,
      least: false,
      unit: '%',
    },
    { what: 'endpoints made of probing', value: junk.length, limit: 0, least: false, unit: '' },
    { what: 'lines with a secret in them', value: leaks, limit: 0, least: false, unit: '' },
    {
      what: 'identity and endpoint, CPU a transaction',
      value: cost.microseconds,
      limit: 3.5,
      least: false,
      unit: 'us',
    },
  ]
}

function passes({ value, limit, least }: Gate): boolean {
  return least ? value >= limit : value <= limit
}

function printJson(): void {
  const { templates, principals, junk, established, transactions } = score
  const report = {
    seed: values.seed,
    transactions,
    input: values.input,
    gates: gates.map((gate) => ({ ...gate, passed: passes(gate) })),
    over_merges: templates.overMerges(),
    under_merges: templates.underMerges(),
    principals: principals.score(),
    merged_principals: principals.merges(),
    split_actors: principals.splits(),
    junk,
    established,
    cost,
  }
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
}

function printTable(): void {
  const lines = [
    `${score.transactions} transactions (${values.input}), seed ${values.seed}; ${score.established} endpoints established`,
    '',
  ]
  for (const gate of gates) {
    const sign = gate.least ? '>=' : '<='
    const shown =
      gate.unit === '' ? String(gate.value) : `${gate.value.toFixed(gate.unit === '%' ? 3 : 2)} ${gate.unit}`
    lines.push(
      `${passes(gate) ? 'ok  ' : 'FAIL'}  ${gate.what.padEnd(44)}${shown.padStart(10)}   ${sign} ${gate.limit}`,
    )
  }
  const { precision, recall } = score.principals.score()
  lines.push(
    '',
    `principals: precision ${(100 * precision).toFixed(3)} %, recall ${(100 * recall).toFixed(3)} %; cost by the median of all passes ${cost.medianMicroseconds.toFixed(2)} us, with the rest of a record ${cost.withRecordMicroseconds.toFixed(2)} us`,
  )
  list(lines, 'one endpoint, several operations', score.templates.overMerges())
  list(lines, 'one operation, several endpoints', score.templates.underMerges())
  const merges = score.principals.merges().slice(0, 8)
  if (merges.length > 0) lines.push('', 'one principal, several actors:')
  for (const { principal, actors, wrong } of merges)
    lines.push(`  ${principal}: ${actors} actors, ${wrong} transactions of the others`)
  const splits = score.principals.splits().slice(0, 8)
  if (splits.length > 0) lines.push('', 'one actor, several principals:')
  for (const { actor, principals, wrong } of splits)
    lines.push(`  ${actor}: ${wrong} beside the first of ${principals.slice(0, 4).join(', ')}`)
  if (score.junk.length > 0)
    lines.push('', 'endpoints made of probing:', ...score.junk.slice(0, 12).map((each) => `  ${each}`))
  process.stdout.write(`${lines.join('\n')}\n`)
}

function list(lines: string[], title: string, merges: readonly Merge[]): void {
  if (merges.length === 0) return
  lines.push('', `${title}:`)
  for (const { name, parts, wrong } of merges.slice(0, 12)) {
    const shown = parts.slice(0, 4).map(([part, count]) => `${part} ${count}`)
    lines.push(`  ${name}: ${wrong} wrong in ${parts.length}: ${shown.join(', ')}`)
  }
}
