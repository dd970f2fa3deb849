// Lint, types and every suite; the last line of the output counts them all. Part of scripts/test.
// Arguments go to vitest.
import { spawnSync } from 'node:child_process'
import { accessSync, chmodSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const MEMORY = '/dev/shm'
const MEMORY_FREE = 8 * 2 ** 30
const folder = mkdtempSync(join(quickFolder(), 'offpath-tests-'))
// The engine of a root process is another user by then, and must get through.
chmodSync(folder, 0o711)
const ledgerFile = join(folder, 'ledger.json')
const counts = { passed: 0, failed: 0, skipped: 0 }

/**
 * Folders of tests lie in memory where there is plenty: the suites wait for some ten thousand fsyncs, and a shared disk can
 * take 70 ms for each. What a killed process had written is kept there as well as on a disk.
 */
function quickFolder() {
  const usual = tmpdir()
  try {
    accessSync(MEMORY, constants.W_OK)
    const { bavail, bsize } = statfsSync(MEMORY)
    return process.env.TMPDIR === undefined && Math.min(bavail * bsize, freemem()) > MEMORY_FREE ? MEMORY : usual
  } catch {
    return usual
  }
}

function runs(title, tool, args, env = {}) {
  const startedMs = performance.now()
  const command = join(root, 'node_modules/.bin', tool)
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${title} (${seconds} s)`)
  return status === 0
}

counts[runs('lint', 'biome', ['ci', '.']) ? 'passed' : 'failed']++
counts[runs('types', 'tsc', ['--noEmit']) ? 'passed' : 'failed']++

const reporters = ['--reporter=default', `--reporter=${join(root, 'scripts/vitest-ledger.mjs')}`]
// Real brokers, kernels and processes on a machine that others use: a test that fails is run once more, and named below when it then passes.
const green = runs('suites', 'vitest', ['run', '--retry=1', ...reporters, ...process.argv.slice(2)], {
  OFFPATH_TEST_LEDGER: ledgerFile,
  TMPDIR: folder,
})
const ledger = existsSync(ledgerFile) ? JSON.parse(readFileSync(ledgerFile, 'utf8')) : null
rmSync(folder, { recursive: true, force: true })

if (ledger !== null) {
  counts.passed += ledger.passed
  counts.failed += ledger.failures.length
  counts.skipped += ledger.skips.length
  for (const failure of ledger.failures) console.log(`failed: ${failure}`)
  // Passed the second time: a bound on time that a busy machine breaks, or a real fault that comes rarely. Worth a look, every one.
  for (const name of ledger.unsteady) console.log(`unsteady: ${name}`)
  // A skipped test says why: in its note, or in its name.
  for (const skip of ledger.skips) console.log(`skipped: ${skip}`)
}
// Whatever else made vitest end badly must not be counted as nothing.
if (!green && (ledger === null || ledger.failures.length === 0)) counts.failed++

const skipsFail = process.env.CI === 'true' && counts.skipped > 0
if (skipsFail) console.log('skipped tests fail here, because CI=true')
console.log(`tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 || skipsFail ? 1 : 0
