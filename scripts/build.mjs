// Bundles the program into dist/. The command line is split, so that a command loads what it needs and no more; each of its
// child processes (capture, tunnel, engine, store) is one file.
// Outside stay the optional native packages: `pcap` (loaded by the capture child alone) and `chdb` (by whoever opens the embedded store).
import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build, transform } from 'esbuild'
import { constantsOf } from './build-constants.mjs'

const root = join(import.meta.dirname, '..')
const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'dist') } } })
const out = resolve(values.out)
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))

const COMMAND_LINE = { offpath: 'daemon/cli/main.ts' }
const CHILDREN = {
  'capture-child': 'daemon/sources/capture-child.ts',
  'tunnel-child': 'daemon/topology/tunnel-child.ts',
  engine: 'daemon/topology/engine-main.ts',
  'flow-worker': 'daemon/topology/flow-worker-main.ts',
  store: 'daemon/topology/store-main.ts',
}
/** Of the files that the command line is split into. They lie beside it, since the program looks for its files where its code is. */
const PART = 'part-'

// CommonJS packages inside an ES module bundle still call require().
const REQUIRE = `import { createRequire as offpathCreateRequire } from 'node:module'
const require = offpathCreateRequire(import.meta.url)`

/** Error messages of zod in sixty languages are a third of the bundle and nothing here asks for them. */
const ENGLISH_ONLY = {
  name: 'english-only',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, ({ path }) => ({
      contents: `export { default as en } from './en.js'`,
      resolveDir: dirname(path),
    }))
  },
}

const COMMON = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  external: ['pcap', 'chdb'],
  plugins: [ENGLISH_ONLY],
  legalComments: 'none',
  banner: { js: REQUIRE },
  logLevel: 'warning',
}

const exists = (path) =>
  stat(path).then(
    () => true,
    () => false,
  )

/** What a line of TypeScript gives when it is run now, as JSON; `contents` exports it as `value`. */
async function madeNow(contents) {
  const outfile = join(out, 'made-now.mjs')
  await build({ ...COMMON, stdin: { contents, resolveDir: root, loader: 'ts' }, outfile })
  // Under another name each time, since a module is loaded once.
  const { value } = await import(`${pathToFileURL(outfile)}?${contents.length}`)
  await rm(outfile)
  return JSON.stringify(value)
}

/** What the schema gives for no file at all: see daemon/config/defaults.ts. */
const defaultConfig = () =>
  madeNow(`import { defaultConfig } from './daemon/config/defaults.ts'
export const value = await defaultConfig()`)

/** What the shipped policies say, once they lie in `out`: see daemon/policies/load.ts. */
const policiesRead = () =>
  madeNow(`import { readShipped } from './daemon/policies/load.ts'
export const value = readShipped()`)

await mkdir(join(out, 'demo'), { recursive: true })
// Their names change with their contents.
for (const file of await readdir(out)) if (file.startsWith(PART)) await rm(join(out, file))

/** Half as much to read at start. Names stay, for stack traces in bug reports. */
const SMALLER = { minifySyntax: true, minifyWhitespace: true, legalComments: 'none', format: 'esm', target: 'node20' }

async function bundle(entryPoints, options) {
  const { outputFiles } = await build({
    ...COMMON,
    ...options,
    entryPoints,
    outdir: out,
    write: false,
    sourcemap: 'inline',
    define: { OFFPATH_VERSION: JSON.stringify(version), OFFPATH_DEFAULT_CONFIG: defaults },
  })
  for (const { path, text } of outputFiles) {
    const { code, map } = await transform(constantsOf(text), { ...SMALLER, sourcemap: 'external', sourcefile: path })
    await writeFile(path, `${code}//# sourceMappingURL=${basename(path)}.map\n`)
    await writeFile(`${path}.map`, map)
  }
}

const defaults = await defaultConfig()
await bundle(COMMAND_LINE, { splitting: true, chunkNames: `${PART}[name]-[hash]` })
await bundle(CHILDREN, {})
await chmod(join(out, 'offpath.js'), 0o755)

const shipped = (await exists(join(root, 'demo'))) ? await readdir(join(root, 'demo')) : []
for (const file of shipped.filter((name) => name.endsWith('.gz'))) {
  await copyFile(join(root, 'demo', file), join(out, 'demo', file))
}

// Whole: what is shipped no longer must not stay behind.
for (const folder of ['policies', 'presets', 'recipes']) {
  await rm(join(out, folder), { recursive: true, force: true })
  await cp(join(root, folder), join(out, folder), { recursive: true })
}

await rm(join(out, 'policies-read.json'), { force: true })
await writeFile(join(out, 'policies-read.json'), await policiesRead())

// SQL that the program reads as files: beside it, under the folders' last names.
for (const folder of ['sinks/clickhouse/migrations', 'queries']) {
  if (!(await exists(join(root, folder)))) continue
  const to = join(out, basename(folder))
  await mkdir(to, { recursive: true })
  for (const file of (await readdir(join(root, folder))).filter((name) => name.endsWith('.sql'))) {
    await copyFile(join(root, folder, file), join(to, file))
  }
}
