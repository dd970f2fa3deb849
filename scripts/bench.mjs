// Benchmarks, by name; they need `npm run build` before.
//   npm run bench -- [--pairs 200000] [--runs 5] [--no-peers] [--no-stages] [--tshark]   replay on a synthetic capture, beside other tools
//   npm run bench -- micro                                                               the hot functions of extraction, one by one
//   npm run bench -- store                                                               rows into ClickHouse
//   npm run bench -- kafka [--pairs 60000] [--runs 3]                                    records of a topic, by stage (Java 17, Maven)
//   npm run bench -- latency [--incidents 40]                                            last packet to webhook received (root)
//   npm run bench -- live [--pps 100000] [--seconds 60] [--highest]                      packets/s without a drop, on a veth pair (root)
//   npm run bench -- capture [--runs 5] [--no-live]                                      the goals of capturing, and what was measured
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { constantsOf } from './build-constants.mjs'

const root = join(import.meta.dirname, '..')
const outdir = join(root, '.cache', 'bench')
const [name = ''] = process.argv.slice(2)

function run(script, args) {
  const ran = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit', cwd: root })
  process.exitCode = ran.status ?? 1
}

async function bundled(...names) {
  const { outputFiles } = await build({
    entryPoints: names.map((entry) => join(import.meta.dirname, 'bench', entry)),
    outdir,
    outExtension: { '.js': '.mjs' },
    write: false,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['pcap', 'chdb'],
    loader: { '.sql': 'text' },
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  })
  mkdirSync(outdir, { recursive: true })
  // As in the program itself.
  for (const { path, text } of outputFiles) writeFileSync(path, constantsOf(text))
  return join(outdir, names[0].replace('.ts', '.mjs'))
}

if (name === 'latency') run(join(import.meta.dirname, 'bench', 'latency.mjs'), process.argv.slice(3))
else if (name === 'live') run(join(import.meta.dirname, 'bench', 'live.mjs'), process.argv.slice(3))
else if (name === 'capture') run(await bundled('capture.ts'), process.argv.slice(3))
else if (name === 'kafka') run(await bundled('kafka.ts', 'kafka-stage.ts'), process.argv.slice(3))
else if (name === 'micro') run(await bundled('micro.ts'), process.argv.slice(3))
else if (name === 'store') run(await bundled('store.ts'), process.argv.slice(3))
else run(await bundled('main.ts', 'stages.ts'), process.argv.slice(2))
