import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_HTTP_LIMITS } from '../http/limits.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { check } from '../yaml/check.ts'
import { type FileKind, fileError, readYaml } from '../yaml/document.ts'
import { formatPath } from '../yaml/key-tree.ts'
import { nearest } from '../yaml/suggest.ts'
import { compileMapping } from './compile.ts'
import { PRESET, type Preset } from './mapping.ts'

export const PRESET_KIND: FileKind = {
  code: 'OFFPATH_E_FORMAT',
  name: 'the mapping',
  remedy: 'docs/formats.md explains the mapping language; offpath tap presets NAME prints one that works',
}

/** Text of a mapping file to a mapping, or one OFFPATH_E_FORMAT with every problem in it, each with its place. */
export function readPreset(text: string, name: string): Preset {
  const yaml = readYaml(text, name, PRESET_KIND)
  const preset = check(PRESET, yaml.settings, yaml, PRESET_KIND)
  const problems: { path: PropertyKey[]; message: string }[] = []
  compileMapping(preset, { limits: DEFAULT_HTTP_LIMITS, bodies: false, failed: () => {} }, problems)
  if (problems.length > 0) {
    throw fileError(
      PRESET_KIND,
      problems.map(({ path, message }) => ({ at: yaml.placeOf(path, 'value'), path: formatPath(path), message })),
    )
  }
  return preset
}

/** Beside the bundle when built, at the top of the checkout when run from source. */
export function presetFolder(): string {
  const beside = join(import.meta.dirname, 'presets')
  // In the checkout `presets` beside this file would be this room's own.
  return existsSync(beside) ? beside : join(import.meta.dirname, '..', '..', 'presets')
}

let shipped: readonly Preset[] | null = null

/** The shipped presets by name, read once. */
export function shippedPresets(): readonly Preset[] {
  shipped ??= readdirSync(presetFolder())
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => readPreset(presetText(file.slice(0, -'.yaml'.length)), file))
  return shipped
}

/** A preset as it stands in its file: to be copied and changed. */
export function presetText(name: string): string {
  return readFileSync(join(presetFolder(), `${name}.yaml`), 'utf8')
}

/** A shipped preset by name, or a mapping file by path (anything with a slash or ending in .yaml). */
export function findPreset(name: string, presets: readonly Preset[] = shippedPresets()): Preset {
  if (name.includes('/') || /\.ya?ml$/.test(name)) return readPreset(readMapping(name), name)
  const found = presets.find((preset) => preset.name === name)
  if (found !== undefined) return found
  const names = presets.map((preset) => preset.name)
  const near = nearest(name, names)
  throw new OffpathError(
    'OFFPATH_E_FORMAT',
    `no format is called ${name}${near === null ? '' : ` (did you mean ${near}?)`}`,
    {
      remedy: `Formats: ${names.join(', ')}; or the path of a mapping file (.yaml).`,
    },
  )
}

function readMapping(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    throw new OffpathError('OFFPATH_E_NO_FILE', `${path} cannot be read: ${code}`, {
      at: path,
      remedy: 'Check the path of the mapping file.',
      cause,
    })
  }
}
