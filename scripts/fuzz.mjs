// Feeds mutated input to everything that reads bytes of strangers: nothing may throw, stand still, outgrow its memory, or
// leave a ledger that does not add up.
//
//   node scripts/fuzz.mjs [--seconds 20] [--target frames,segments,http1,pcapng,decompression,tap] [--seed N]
//                         [--finds .cache/fuzz-finds] [--hang-ms 5000] [--budget-mb 1000]
//   node scripts/fuzz.mjs --target http1 --replay .cache/fuzz-finds/http1/12-3456
//
// --seconds is for each target. A find is a file, with the command that replays it on standard error; exit 1.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const outdir = join(root, '.cache', 'fuzz')
await build({
  entryPoints: { main: 'fuzz-main.ts', worker: 'fuzz-worker.ts' },
  absWorkingDir: join(root, 'test', 'fuzz'),
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'inline',
  logLevel: 'warning',
  packages: 'external',
  plugins: [
    {
      // Corpora are found from the folders of the sources.
      name: 'dirname',
      setup: ({ onLoad }) => {
        onLoad({ filter: /\.ts$/ }, async ({ path }) => {
          const { readFile } = await import('node:fs/promises')
          const { dirname } = await import('node:path')
          const source = await readFile(path, 'utf8')
          return { contents: source.replaceAll('import.meta.dirname', JSON.stringify(dirname(path))), loader: 'ts' }
        })
      },
    },
  ],
})
const worker = join(outdir, 'worker.mjs')
const args = ['--enable-source-maps', join(outdir, 'main.mjs'), '--worker', worker, ...process.argv.slice(2)]
const ran = spawnSync(process.execPath, args, { stdio: 'inherit' })
process.exitCode = ran.status ?? 1
