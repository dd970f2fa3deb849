// How many pairs come through a bad mirror: 0.1 % of segments lost, 1 % in other order, 1 % twice, 2 % of connections
// joined midway, 2 % pipelining. Counted against the pairs of which every byte was captured.
//
//   node scripts/dirty-mirror.mjs [--program dist/offpath.js] [--pairs 20000] [--seeds 1,11,21] [--tshark]
//
// Exit 1: less than 99.5 % of them, or a pair that never happened. Before: `npm run build`.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const outfile = join(root, '.cache', 'dirty-mirror', 'main.mjs')
await build({
  entryPoints: [join(root, 'test', 'fuzz', 'dirty-main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
})
const ran = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: 'inherit' })
process.exitCode = ran.status ?? 1
