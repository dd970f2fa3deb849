import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ensureBuilt, ROOT } from '../integration/program.ts'
import { brokerMissing } from './broker.ts'

const missing = brokerMissing()
const SCRIPT = join(ROOT, 'scripts/kill-kafka.mjs')

test.skipIf(missing !== null)(
  'of two analyzers one is killed, or both, at any moment: nothing is lost, nothing is stored twice',
  {
    timeout: 300_000,
  },
  async () => {
    ensureBuilt()
    const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, '--runs', '20', '--seed', '7'])
    expect(stdout).toMatch(/^runs 20: \d+ sent, lost 0, doubled 0, roll-ups off 0, /)
  },
)
