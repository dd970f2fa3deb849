// Floods the program and watches it from outside: `node scripts/floods.mjs [--flood NAME,NAME] [--scale 1|10]
// [--budget 1024] [--extract] [--young-mib 4] [--list]`. Needs `npm run build` before. Without --scale each flood is run three times: printing lines, of which
// the honest ones are checked; with detectors; and the same ten times as long, which must take as much memory (within 10 %).
// Printed: frames, CPU per frame, the longest time nothing was read, resident memory as it settled and at its peak. Exit 1
// when one is not as it should be. All of it takes about an hour.
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
