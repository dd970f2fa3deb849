// Bundles the program into dist/. One file per process: the command line, the children that capture, the engine, the store.
// Outside stay the optional native packages: `pcap` (loaded by the capture child alone) and `chdb` (by whoever opens the embedded store).
import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'dist') } } })
const out = values.out
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))

const PROGRAMS = [
  { entry: 'daemon/cli/main.ts', name: 'offpath', executable: true },
  { entry: 'daemon/sources/capture-child.ts', name: 'capture-child', executable: false },
  { entry: 'daemon/topology/tunnel-child.ts', name: 'tunnel-child', executable: false },
  { entry: 'daemon/topology/engine-main.ts', name: 'engine', executable: false },
  { entry: 'daemon/topology/store-main.ts', name: 'store', executable: false },
]

// CommonJS packages inside an ES module bundle still call require().
const REQUIRE = `import { createRequire as offpathCreateRequire } from 'node:module'
const require = offpathCreateRequire(import.meta.url)`

const exists = (path) =>
  stat(path).then(
    () => true,
    () => false,
  )

await mkdir(join(out, 'demo'), { recursive: true })

await Promise.all(
  PROGRAMS.map(async ({ entry, name, executable }) => {
    if (!(await exists(join(root, entry)))) return
    const outfile = join(out, `${name}.js`)
    await build({
      absWorkingDir: root,
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      external: ['pcap', 'chdb'],
      sourcemap: 'linked',
      legalComments: 'none',
      define: { OFFPATH_VERSION: JSON.stringify(version) },
      banner: { js: executable ? `#!/usr/bin/env node\n${REQUIRE}` : REQUIRE },
      logLevel: 'warning',
    })
    if (executable) await chmod(outfile, 0o755)
  }),
)

const shipped = (await exists(join(root, 'demo'))) ? await readdir(join(root, 'demo')) : []
for (const file of shipped.filter((name) => name.endsWith('.gz'))) {
  await copyFile(join(root, 'demo', file), join(out, 'demo', file))
}

// Whole: what is shipped no longer must not stay behind.
for (const folder of ['policies', 'presets', 'recipes']) {
  await rm(join(out, folder), { recursive: true, force: true })
  await cp(join(root, folder), join(out, folder), { recursive: true })
}

// SQL that the program reads as files: beside it, under the folders' last names.
for (const folder of ['sinks/clickhouse/migrations', 'queries']) {
  if (!(await exists(join(root, folder)))) continue
  const to = join(out, basename(folder))
  await mkdir(to, { recursive: true })
  for (const file of (await readdir(join(root, folder))).filter((name) => name.endsWith('.sql'))) {
    await copyFile(join(root, folder, file), join(to, file))
  }
}
