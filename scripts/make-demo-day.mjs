// Writes the day of the sample API that the demo learns from: node scripts/make-demo-day.mjs [FILE] [SEED]
// Deterministic; test/integration/demo-day.test.ts fails when the shipped file is not what this makes.
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const file = process.argv[2] ?? join(root, 'demo/day.jsonl.gz')
const seed = process.argv[3] ?? '1'

const bundled = await build({
  stdin: {
    contents: `export { createWorld } from './demo/world.ts'\nexport { SHIPPED_DAY_END_MS, writeDay } from './demo/day.ts'`,
    resolveDir: root,
  },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  write: false,
})
const code = bundled.outputFiles[0].text
const { createWorld, SHIPPED_DAY_END_MS, writeDay } = await import(
  `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`
)
const count = await writeDay(file, { world: createWorld(seed), endMs: SHIPPED_DAY_END_MS, port: 8080 })
console.log(`${file}: ${count} transactions, ${statSync(file).size} bytes`)
