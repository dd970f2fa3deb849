// Evaluations on labelled traffic of a made-up company, fresh each time unless --seed is given. Exit 1 when a gate fails.
//   npm run eval -- grammar [--documents FOLDER] [--only NAME,...] [--seed TEXT] [--requests 40000] [-o table|json]    templates of public APIs, from calls of their descriptions
//   npm run eval -- map [--seed TEXT] [--requests 200000] [--input records|packets] [--short] [-o table|json]    who and what: principals, endpoints
//   npm run eval -- calibration [--seed TEXT] [--worlds 4] [--requests 600000] [--days 3] [--users 4000] [-o table|json]    whether p-values are honest
//   npm run eval -- detectors [--seed TEXT] [--attacks 100] [--requests 40000000] [--classes NAME,...] [--only DETECTOR,...] [--medium|--short] [--jobs N] [-o table|json]    what is found, and what is false
//   npm run eval -- paths [--paths 10000000] [--seed TEXT]    memory under made-up paths
//   npm run eval -- payloads [--set tuning|reporting] [--seed N] [--short] [--misses] [--beside-modsecurity] [-o table|json]    recall, false alarms, cost
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const EVALS = ['calibration', 'detectors', 'grammar', 'map', 'paths', 'payloads']
const [name = '', ...args] = process.argv.slice(2)

if (!EVALS.includes(name)) {
  process.stderr.write(`there is no evaluation ${name || 'without a name'}; one of: ${EVALS.join(', ')}\n`)
  process.exit(2)
}
// Of this run alone: another that starts meanwhile, of another state of the code, must not replace it.
const outfile = join(root, '.cache', 'eval', `${name}-${process.pid}.mjs`)
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
rmSync(outfile, { force: true })
process.exitCode = ran.status ?? 1
