// Whole-process cost of replay on a synthetic capture, beside other tools on the same file:
// `npm run bench -- [--pairs 200000] [--runs 5] [--no-peers] [--no-stages] [--tshark]`. Needs `npm run build` before.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const outdir = join(root, '.cache', 'bench')
await build({
  entryPoints: ['main.ts', 'stages.ts'].map((file) => join(import.meta.dirname, 'bench', file)),
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['pcap'],
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
})
const ran = spawnSync(process.execPath, [join(outdir, 'main.mjs'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  cwd: root,
})
process.exitCode = ran.status ?? 1
