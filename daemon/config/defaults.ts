import type { ValidatedConfig } from './schema.ts'

declare const OFFPATH_DEFAULT_CONFIG: ValidatedConfig | undefined

/**
 * The configuration where there is no file: put in by the build, since making the schema that says so takes longer than
 * reading a small capture; made from the schema when run from source.
 */
export async function defaultConfig(): Promise<ValidatedConfig> {
  if (typeof OFFPATH_DEFAULT_CONFIG === 'object') return OFFPATH_DEFAULT_CONFIG
  const { CONFIG_SCHEMA } = await import('./current-schema.ts')
  const { effectiveConfig } = await import('./effective.ts')
  return effectiveConfig(CONFIG_SCHEMA, null).config
}
