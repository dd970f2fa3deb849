import type { AsnSource } from '../callers/profiles.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import type { AsnFile } from './asn-file.ts'

/** Whose networks are, for one run; what reads such a file is loaded where there is one. Throws OFFPATH_E_CONFIG. */
export async function openAsns({ identity }: ValidatedConfig): Promise<AsnSource | null> {
  return await opened(identity.asn_database)
}

/** The same for as long as the process lives: `told` hears when the file was read anew. */
export async function watchedAsns(
  { identity }: ValidatedConfig,
  told: (message: string) => void,
): Promise<AsnSource | null> {
  const file = await opened(identity.asn_database)
  file?.watch(told)
  return file
}

async function opened(path: string | null): Promise<AsnFile | null> {
  return path === null ? null : new (await import('./asn-file.ts')).AsnFile(path)
}
