// Makes the captures of test/captures again: `node scripts/capture/run.mjs [NAME...]`. Needs root, iproute2, tcpdump,
// dumpcap, nginx, apache2, haproxy, curl, ab and wrk; touches no network but two namespaces of its own.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..', '..')
const outdir = join(root, '.cache', 'capture')
await build({
  entryPoints: [join(import.meta.dirname, 'make.ts'), join(import.meta.dirname, 'origin.ts')],
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
})
const made = spawnSync(process.execPath, [join(outdir, 'make.mjs'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  cwd: root,
})
process.exitCode = made.status ?? 1
