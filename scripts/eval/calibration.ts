import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { calibrate } from './calibration-run.ts'
import { type Calibration, LEVELS } from './calibration-score.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    requests: { type: 'string', default: '600000' },
    worlds: { type: 'string', default: '4' },
    days: { type: 'string', default: '3' },
    users: { type: 'string', default: '4000' },
    output: { type: 'string', short: 'o', default: 'table' },
  },
})
const report = await calibrate(
  {
    seed: values.seed,
    requests: Number(values.requests),
    worlds: Number(values.worlds),
    days: Number(values.days),
    users: Number(values.users),
  },
  (text) => process.stderr.write(`${text}\n`),
)
const { transactions, detectors } = report
if (values.output === 'json') process.stdout.write(`${JSON.stringify({ seed: values.seed, ...report }, null, 2)}\n`)
else {
  const header = `${'detector'.padEnd(26)}${'keys'.padStart(8)}${LEVELS.map((p) => `p <= ${p}`.padStart(14)).join('')}\n`
  process.stdout.write(`seed ${values.seed}: ${transactions} benign transactions in ${values.worlds} worlds\n${header}`)
  for (const each of detectors) process.stdout.write(lineOf(each))
}
process.exitCode = detectors.every(({ honest }) => honest) ? 0 : 1

function lineOf({ detector, keys, reached, honest }: Calibration): string {
  const counts = reached.map((count) => (count === null ? '-' : String(count)).padStart(14)).join('')
  return `${detector.padEnd(26)}${String(keys).padStart(8)}${counts}${honest ? '' : '   more than twice what may be'}\n`
}
