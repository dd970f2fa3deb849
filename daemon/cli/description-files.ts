import { readFileSync, statSync } from 'node:fs'
import type { ValidatedConfig } from '../config/schema.ts'
import type { Description } from '../inventory/descriptions.ts'
import { MAX_SPEC_BYTES, readSpec, type Spec } from '../inventory/spec.ts'
import { OffpathError } from '../telemetry/errors.ts'

/** Those of `endpoints.descriptions`, as they are now. @throws OFFPATH_E_NO_FILE, OFFPATH_E_SPEC */
export function configuredDescriptions({ endpoints }: Pick<ValidatedConfig, 'endpoints'>): Description[] {
  return endpoints.descriptions.map(({ file, services }) => ({ file, services, spec: readSpecFile(file) }))
}

/** @throws OFFPATH_E_NO_FILE, OFFPATH_E_SPEC */
export function readSpecFile(path: string): Spec {
  return readSpec(textOf(path), path)
}

function textOf(path: string): string {
  try {
    const { size } = statSync(path)
    // Said by the reader, which knows the limit.
    return size > MAX_SPEC_BYTES ? ' '.repeat(MAX_SPEC_BYTES + 1) : readFileSync(path, 'utf8')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_NO_FILE', `the API description cannot be read: ${(cause as Error).message}`, {
      at: path,
      remedy: 'Check the path.',
      cause,
    })
  }
}
