import { parseArgs } from 'node:util'
import { attacks } from '../../test/payload/attacks.ts'
import { benign, REPORTED } from '../../test/payload/benign/requests.ts'
import type { CorpusSet } from '../../test/payload/corpus-request.ts'
import { type Application, type ContextScore, contextOf } from './payloads-context.ts'
import { payloadCost } from './payloads-cost.ts'
import { compareModSecurity } from './payloads-modsecurity.ts'
import {
  alarmsOf,
  answersOf,
  freshLook,
  recallOf,
  type Share,
  type Shares,
  sampled,
  sorted,
  wrappedLook,
} from './payloads-score.ts'

const { values } = parseArgs({
  options: {
    set: { type: 'string', default: 'reporting' },
    seed: { type: 'string', default: '0' },
    short: { type: 'boolean', default: false },
    misses: { type: 'boolean', default: false },
    'beside-modsecurity': { type: 'boolean', default: false },
    output: { type: 'string', short: 'o', default: 'table' },
  },
})
if (values.set !== 'tuning' && values.set !== 'reporting') {
  process.stderr.write('--set is tuning or reporting\n')
  process.exit(2)
}
const set: CorpusSet = values.set
/** A share of the requests in a short run; which ones, --seed says. */
const step = values.short ? 10 : 1
const offset = Number(values.seed) % step

if (values['beside-modsecurity']) await compareModSecurity(set, Number(values.seed))
else evaluate()

function evaluate(): void {
  const recall = recallOf(sampled(attacks(set), step, offset))
  const alarms = alarmsOf(sampled(benign(set, REPORTED), step, offset))
  const context = contextOf(sampled(benign(set, REPORTED), step, offset), sampled(attacks(set), step, offset))
  const cost = payloadCost(values.short ? 5 : 20)
  const worst = Math.max(...cost.hostile.map(({ ns }) => ns.at(-1)! / cost.benignNs))
  const steepest = Math.max(...cost.hostile.map(({ ns }) => ns.at(-1)! / ns[0]!))
  const gates = [
    { what: 'recall', value: shareOf(recall.all), limit: 0.97, least: true },
    { what: 'false alarms before context', value: shareOf(alarms.all), limit: 0.001, least: false },
    { what: 'false alarms after context', value: shareOf(context.late), limit: 0.0001, least: false },
    { what: 'recall after context', value: shareOf(context.attacks), limit: 0.97, least: true },
    { what: 'clean 500 bytes, us', value: cost.cleanUs, limit: 3, least: false },
    { what: 'a byte at four times the size, against one', value: steepest, limit: 2, least: false },
  ]
  if (values.output === 'json') {
    const plain = (shares: Shares) => Object.fromEntries(shares)
    const { classes, placements, encodings, tricks, all } = recall
    const table = {
      set,
      recall: {
        all,
        classes: plain(classes),
        placements: plain(placements),
        encodings: plain(encodings),
        tricks: plain(tricks),
      },
      alarms: {
        all: alarms.all,
        kinds: plain(alarms.kinds),
        places: sorted(alarms.places),
        rules: sorted(alarms.rules),
      },
      context: {
        ...context,
        applications: Object.fromEntries(context.applications),
        classes: plain(context.classes),
        placements: plain(context.placements),
        rules: sorted(context.rules),
      },
      cost,
      gates,
    }
    process.stdout.write(`${JSON.stringify(table)}\n`)
  } else {
    write(`${set} set: ${recall.all.total} attacks, ${alarms.all.total} benign requests\n`)
    shares('class', recall.classes)
    shares('placement', recall.placements)
    shares('encoding', recall.encodings)
    shares('written', recall.tricks)
    write('benign requests with a finding, by kind')
    for (const [name, share] of alarms.kinds)
      write(`  ${name.padEnd(30)} ${percent(share.found, share.total)} of ${share.total}`)
    write('\nfalse alarms by place and by rule')
    for (const [name, count] of [...sorted(alarms.places), ...sorted(alarms.rules)])
      write(`  ${name.padEnd(30)} ${count}`)
    writeContext(context)
    if (values.misses) {
      write('\nmissed')
      for (const [name, count] of sorted(recall.misses)) write(`  ${String(count).padStart(5)} ${JSON.stringify(name)}`)
    }
    const { attacks: fresh, benign: calm } = freshLook()
    write(
      `\nwritten after the tuning: ${percent(fresh.found, fresh.total)} of ${fresh.total} found, ${percent(calm.found, calm.total)} of ${calm.total} false`,
    )
    write('answers')
    const answers = answersOf(set)
    shares('class', answers.classes)
    shares('given as', answers.placements)
    write('answers that only look so')
    for (const [name, share] of answers.calm)
      write(`  ${name.padEnd(30)} ${percent(share.found, share.total)} of ${share.total}`)
    write('')
    const { classes, talk } = wrappedLook(set)
    const inProse = [...classes].map(([name, share]) => `${name} ${percent(share.found, share.total)}`)
    write(
      `in the midst of prose: ${inProse.join(', ')} found; of ${talk.total} sentences about such things ${talk.found}`,
    )
    write(`\nns a byte at ${['16', '32', '64'].join(', ')} KiB; benign ${cost.benignNs.toFixed(1)}`)
    for (const { name, ns } of cost.hostile)
      write(`  ${name.padEnd(30)} ${ns.map((each) => each.toFixed(1).padStart(7)).join(' ')}`)
    write(`worst hostile byte against a benign one: ${worst.toFixed(1)}\n`)
    for (const gate of gates)
      write(
        `${passes(gate) ? 'ok  ' : 'FAIL'} ${gate.what}: ${gate.value.toFixed(5)} (${gate.least ? 'at least' : 'at most'} ${gate.limit})`,
      )
  }
  process.exitCode = gates.every(passes) ? 0 : 1
}

function shareOf({ found, total }: Share): number {
  return found / total
}

function passes({ value, limit, least }: { value: number; limit: number; least: boolean }): boolean {
  return least ? value >= limit : value <= limit
}

function writeContext(context: ContextScore): void {
  write('\nthe same as traffic of applications that learn (an attack: sent to each of them when all is learnt)')
  write('false alarms                      all of it  second half   before       of    attacks')
  const row = (name: string, { all, late, lateBefore, attacks: sent }: Application) => {
    const [whole, second, before, found] = [all, late, lateBefore, sent].map(fine)
    write(`  ${name.padEnd(30)} ${whole}    ${second} ${before}   ${String(late.total).padStart(6)} ${found}`)
  }
  for (const [name, application] of context.applications) row(name, application)
  row('all', context)
  write(`incidents opened: ${context.incidents.all}, in the second half ${context.incidents.late}`)
  for (const [rule, times] of sorted(context.rules)) write(`  ${rule.padEnd(30)} ${times}`)
  write('')
  shares('class, after context', context.classes)
  shares('placement, after context', context.placements)
}

function fine(share: Share): string {
  return `${(100 * shareOf(share)).toFixed(3).padStart(7)} %`
}

function shares(what: string, table: Shares): void {
  write(`${what.padEnd(32)} found    named  of`)
  for (const [name, share] of table) write(`  ${name.padEnd(30)} ${line(share)}`)
  write('')
}

function line({ found, named, total }: Share): string {
  return `${percent(found, total)} ${percent(named, total)} ${total}`
}

function percent(part: number, total: number): string {
  return `${((100 * part) / total).toFixed(2).padStart(6)} %`
}

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}
