// Reads some 300 captures with `offpath replay` and with tshark and holds both against what happened.
//
//   node scripts/differential.mjs [--program dist/offpath.js] [--seed 1] [--only NAME] [--share N] [--workers 2] [--keep FOLDER]
//
// The captures: those of test/captures, seeded changes of them, and played scenes; docs/capture.md says what is compared.
// Every difference is printed with its reason. Exit 1: one has none, or a pair of Offpath's never happened. --share N takes
// every Nth capture, --keep writes those with differences to a folder. Needs tshark and, before, `npm run build`.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const outfile = join(root, '.cache', 'differential', 'main.mjs')
await build({
  entryPoints: [join(root, 'test', 'differential', 'main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
  // Captures are found from the folder of test/integration/capture-notes.ts.
  define: { 'import.meta.dirname': JSON.stringify(join(root, 'test', 'integration')) },
})
const ran = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: 'inherit' })
process.exitCode = ran.status ?? 1
