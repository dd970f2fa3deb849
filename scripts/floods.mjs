// Floods the program and watches it from outside: `node scripts/floods.mjs [--only NAME,NAME] [--scale 1]
// [--budget MB]`. Needs `npm run build` before. Prints, for each flood, the CPU per frame and per file byte, how much dearer a
// frame is when the flood is five times as long, peak memory (printing lines; with detectors; five times as long), and
// how many pairs of the honest traffic inside came out right. Exit 1 when one is not as it should be. About half an hour.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const outfile = join(root, '.cache', 'floods', 'floods.mjs')
await build({
  entryPoints: [join(root, 'test', 'floods', 'main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
})
const ran = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: 'inherit', cwd: root })
process.exitCode = ran.status ?? 1
