import type { z } from 'zod'
import { check } from '../yaml/check.ts'
import { type FileKind, readYaml, type YamlFile } from '../yaml/document.ts'
import type { ValidatedConfig } from './schema.ts'

/**
 * Text of offpath.yaml to a ValidatedConfig, or one OFFPATH_E_CONFIG with every problem in it, each with its place:
 *
 *     offpath.yaml:12:5 limits.flows: expected at most 10000000, found 99999999
 *
 * Pure: opens nothing, asks no network, expands no variable, and runs nothing. A configuration that loads here loads everywhere.
 */

export type ConfigFile = YamlFile

const CONFIGURATION: FileKind = {
  code: 'OFFPATH_E_CONFIG',
  name: 'the configuration',
  remedy: 'offpath config schema prints every key; offpath config show prints the defaults',
}

/** Reads the YAML (1.2) of a configuration file. `name` is what problems call it. */
export function readConfigText(text: string, name: string): ConfigFile {
  return readYaml(text, name, CONFIGURATION)
}

/** Checks settings against the schema. `file` is null when no file was given: then only flags can be wrong. */
export function validate(
  schema: z.ZodType,
  settings: unknown,
  file: ConfigFile | null,
  fromFlags: readonly string[] = [],
): ValidatedConfig {
  return check(schema, settings, file, CONFIGURATION, fromFlags) as ValidatedConfig
}
