import { readFileSync } from 'node:fs'

declare const OFFPATH_VERSION: string | undefined

/** The package's version: put in by the build, read from package.json when run from source. */
export function offpathVersion(): string {
  if (typeof OFFPATH_VERSION === 'string') return OFFPATH_VERSION
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return manifest.version
}
