// What several analyzers find of one input, beside what one finds. With --share-minutes they tell each other what they learnt so often,
// as those do that have a ClickHouse server in common:
//   node scripts/compare-split.mjs [--analyzers 4] [--partitions 12] [--share-minutes 5] demo/day.jsonl.gz demo/scene.pcap.gz

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle } from './kill/bundle.mjs'

const folder = mkdtempSync(join(tmpdir(), 'offpath-split-'))
try {
  await bundle(join(folder, 'programs'), { compare: 'scripts/scale/compare.ts' })
  const script = join(folder, 'programs', 'compare.mjs')
  process.exitCode = spawnSync(process.execPath, [script, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
