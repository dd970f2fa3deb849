import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const KILL_TEST = join(import.meta.dirname, '../../scripts/kill-test.mjs')

test('nothing acknowledged is lost or stored twice, however the store is killed', { timeout: 300_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [KILL_TEST, '--runs', '20', '--seed', '7'])
  const [result] = stdout.split('\n')
  expect(result).toMatch(/^runs 20: lost 0, doubled 0, roll-ups off 0; killed in /)
  // Each of them was hit, or the test proves less than it says.
  for (const phase of ['migrate', 'write', 'written', 'insert', 'inserted', 'mark', 'rotate']) {
    expect(result).toMatch(new RegExp(`\\b${phase} \\d`))
  }
})
