// Evaluations on labelled traffic of a made-up company, fresh each time unless --seed is given. Exit 1 when a gate fails.
//   npm run eval -- map [--seed TEXT] [--requests 200000] [--input records|packets] [--short] [-o table|json]    who and what: principals, endpoints
//   npm run eval -- detectors [--seed TEXT] [--attacks 130] [--requests 3000000] [--classes PREFIX,...] [--short] [-o table|json]    what is found, and what is false
//   npm run eval -- payloads [--set tuning|reporting] [--seed N] [--short] [--misses] [--beside-modsecurity] [-o table|json]    recall, false alarms, cost
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const EVALS = ['detectors', 'map', 'payloads']
const [name = '', ...args] = process.argv.slice(2)

if (!EVALS.includes(name)) {
  process.stderr.write(`there is no evaluation ${name || 'without a name'}; one of: ${EVALS.join(', ')}\n`)
  process.exit(2)
}
const outfile = join(root, '.cache', 'eval', `${name}.mjs`)
await build({
  entryPoints: [join(import.meta.dirname, 'eval', `${name}.ts`)],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['pcap', 'chdb'],
  loader: { '.sql': 'text' },
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
})
const ran = spawnSync(process.execPath, ['--expose-gc', outfile, ...args], { stdio: 'inherit', cwd: root })
process.exitCode = ran.status ?? 1
