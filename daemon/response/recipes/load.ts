import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { OffpathError } from '../../telemetry/errors.ts'
import { RecipeConnector } from './connector.ts'
import { COMMON_PARAMS, type Recipe, readRecipe } from './recipe.ts'

/** One entry of `response.connectors`. */
export interface ConnectorSettings {
  readonly recipe: string
  readonly params: Readonly<Record<string, string>>
  readonly secret_env: Readonly<Record<string, string>>
  readonly secret_file: Readonly<Record<string, string>>
}

export interface LoadOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** What relative paths are relative to. */
  readonly folder: string
  /** Default: those that are shipped. */
  readonly recipesFolder?: string
  readonly nowMs: () => number
}

/** Opens the connectors of the configuration; the caller closes them. Throws OFFPATH_E_CONFIG with the place of what is wrong. */
export async function loadConnectors(
  settings: Readonly<Record<string, ConnectorSettings>>,
  options: LoadOptions,
): Promise<Map<string, RecipeConnector>> {
  const connectors = new Map<string, RecipeConnector>()
  try {
    for (const [name, setting] of Object.entries(settings)) {
      connectors.set(name, await loadConnector(name, setting, options))
    }
  } catch (error) {
    await Promise.all([...connectors.values()].map((connector) => connector.close()))
    throw error
  }
  return connectors
}

async function loadConnector(name: string, setting: ConnectorSettings, options: LoadOptions): Promise<RecipeConnector> {
  const at = `response.connectors.${name}`
  if (name === 'webhook') throw fault(at, 'webhook is the connector that is always there: choose another name')
  const recipe = await findRecipe(setting.recipe, `${at}.recipe`, options)
  const params = checkedParams(recipe, setting.params, `${at}.params`)
  const secrets = await readSecrets(recipe, setting, at, options)
  const caFile = setting.params.ca_file
  const ca = caFile === undefined ? null : await readText(resolve(options.folder, caFile), `${at}.params.ca_file`)
  const url = baseUrl(setting.params.url, `${at}.params.url`)
  const timeoutMs = 1000 * timeoutSeconds(setting.params.timeout_seconds ?? '10', `${at}.params.timeout_seconds`)
  return new RecipeConnector({ name, recipe, url, timeoutMs, ca, params, secrets, nowMs: options.nowMs })
}

/** Beside the sources, and beside the built program. */
async function shippedFolder(): Promise<string> {
  for (const folder of [join(import.meta.dirname, 'recipes'), join(import.meta.dirname, '../../../recipes')]) {
    const files = await readdir(folder).catch(() => [])
    if (files.some((file) => file.endsWith('.yaml'))) return folder
  }
  throw new OffpathError('OFFPATH_E_NO_FILE', 'the folder of shipped recipes is missing', {
    remedy: 'install Offpath again',
  })
}

/** A bare word is a shipped recipe, anything else a path. */
async function findRecipe(which: string, at: string, options: LoadOptions): Promise<Recipe> {
  if (!/^[a-z0-9-]+$/.test(which)) {
    const path = resolve(options.folder, which)
    return readRecipe(await readText(path, at), which)
  }
  const folder = options.recipesFolder ?? (await shippedFolder())
  const shipped = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).map((file) => file.slice(0, -5))
  if (!shipped.includes(which)) {
    throw fault(
      at,
      `there is no shipped recipe ${which}; there are ${shipped.sort().join(', ')}, and ./file.yaml is your own`,
    )
  }
  return readRecipe(await readFile(join(folder, `${which}.yaml`), 'utf8'), `recipes/${which}.yaml`)
}

function checkedParams(
  recipe: Recipe,
  given: Readonly<Record<string, string>>,
  at: string,
): Readonly<Record<string, string>> {
  const known = [...COMMON_PARAMS, ...Object.keys(recipe.params)]
  const unknown = Object.keys(given).find((key) => !known.includes(key))
  if (unknown !== undefined) throw fault(`${at}.${unknown}`, `unknown parameter; known here: ${known.join(', ')}`)
  const params: Record<string, string> = { url: given.url ?? '' }
  for (const [key, declared] of Object.entries(recipe.params)) {
    const value = given[key] ?? declared.default
    if (value === undefined) throw fault(`${at}.${key}`, `is missing: ${declared.description}`)
    params[key] = value
  }
  return params
}

async function readSecrets(
  recipe: Recipe,
  setting: ConnectorSettings,
  at: string,
  { env, folder }: LoadOptions,
): Promise<Readonly<Record<string, string>>> {
  const given = [...Object.keys(setting.secret_env), ...Object.keys(setting.secret_file)]
  const unknown = given.find((key) => !Object.hasOwn(recipe.secrets, key))
  if (unknown !== undefined) {
    const known = Object.keys(recipe.secrets).join(', ') || 'none'
    throw fault(`${at}.secret_env`, `the recipe has no secret ${unknown}; it has ${known}`)
  }
  const secrets: Record<string, string> = {}
  for (const [key, { description }] of Object.entries(recipe.secrets)) {
    const file = setting.secret_file[key]
    const variable = setting.secret_env[key]
    if (file === undefined && variable === undefined)
      throw fault(`${at}.secret_env.${key}`, `is missing: ${description}`)
    const value =
      file === undefined ? env[variable!] : (await readText(resolve(folder, file), `${at}.secret_file.${key}`)).trim()
    if (value === undefined || value === '') {
      throw fault(
        `${at}.secret_${file === undefined ? 'env' : 'file'}.${key}`,
        `${file ?? variable} is empty or not set`,
      )
    }
    secrets[key] = value
  }
  return secrets
}

function baseUrl(text: string | undefined, at: string): URL {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw fault(at, 'expected the http or https URL of the receiver')
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw fault(at, 'expected a URL without user, query and fragment')
  }
  return url
}

function timeoutSeconds(text: string, at: string): number {
  const seconds = Number(text)
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 25) throw fault(at, 'expected whole seconds from 1 to 25')
  return seconds
}

async function readText(path: string, at: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_CONFIG', `${at}: ${path} cannot be read`, { at, cause })
  }
}

function fault(at: string, message: string): OffpathError {
  return new OffpathError('OFFPATH_E_CONFIG', `${at}: ${message}`, { at })
}
