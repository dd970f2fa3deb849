import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cases } from './cases.ts'
import { compare } from './compare.ts'
import { report } from './report.ts'

const { values } = parseArgs({
  options: {
    program: { type: 'string', default: 'dist/offpath.js' },
    seed: { type: 'string', default: '1' },
    share: { type: 'string', default: '1' },
    only: { type: 'string' },
    workers: { type: 'string', default: '2' },
    keep: { type: 'string' },
  },
})
const all = cases(Number(values.share), Number(values.seed)).filter(
  ({ name }) => values.only === undefined || name.includes(values.only),
)
let seen = 0
const compared = await compare(all, values.program, Number(values.workers), () => {
  seen++
  if (process.stderr.isTTY) process.stderr.write(`\r${seen} of ${all.length} `)
})
if (process.stderr.isTTY) process.stderr.write('\n')
const { text, failed } = report(compared)
process.stdout.write(text)
if (values.keep !== undefined) {
  for (const { one, judgement } of compared) {
    if (judgement.differences.length > 0) writeFileSync(join(values.keep, `${one.name}${one.extension}`), one.file)
  }
}
process.exitCode = failed ? 1 : 0
