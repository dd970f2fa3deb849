import { readFileSync } from 'node:fs'
import { type KeySource, readKeySet } from '../identity/key-set.ts'
import { OffpathError } from '../telemetry/errors.ts'

/** The file of one entry of `identity.jwks`, checked. Throws OFFPATH_E_CONFIG. */
export function readKeySource(
  { file, issuer }: { readonly file: string; readonly issuer: string | null },
  index = 0,
): KeySource {
  try {
    const text = readFileSync(file, 'utf8')
    readKeySet(text)
    return { issuer, text }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OffpathError('OFFPATH_E_CONFIG', `The keys in ${file} cannot be used: ${reason}.`, {
      at: `identity.jwks[${index}].file`,
      remedy: 'Name a JWK Set ({"keys": […]}), such as the issuer serves at its jwks_uri.',
      cause,
    })
  }
}
