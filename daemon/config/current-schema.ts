import { DETECTORS } from '../../analyzers/registry.ts'
import { buildConfigSchema } from './schema.ts'

/** The schema of this build: the keys of schema.ts and every registered detector. */
export const CONFIG_SCHEMA = buildConfigSchema(DETECTORS)
