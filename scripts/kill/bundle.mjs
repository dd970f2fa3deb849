// Bundles entries as the build does, into a folder of their own from which packages and migrations are found.
import { cp, mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..', '..')

/**
 * @param {string} folder empty or not there
 * @param {Record<string, string>} entries name of the bundle, path of its entry in the checkout
 */
export async function bundle(folder, entries) {
  await mkdir(folder, { recursive: true })
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await cp(join(root, 'sinks/clickhouse/migrations'), join(folder, 'migrations'), { recursive: true })
  for (const shipped of ['policies', 'presets']) await symlink(join(root, shipped), join(folder, shipped))
  await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['chdb'],
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module'\nconst require = bundleRequire(import.meta.url)",
    },
    outExtension: { '.js': '.mjs' },
    logLevel: 'error',
  })
}
