import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { FoldingRule } from '../incidents/rules.ts'
import type { PolicyMode } from '../model/action.ts'
import { holdsRules, readRules, rulesOf } from '../payload/rules/read.ts'
import type { PayloadRule } from '../payload/rules/rule.ts'
import { MAX_RULES, type RuleFile } from '../payload/rules/rule-file.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { MAX_FILE_BYTES } from '../yaml/document.ts'
import { nearest } from '../yaml/suggest.ts'
import { compilePolicies } from './compile.ts'
import type { Policy } from './policy.ts'
import type { PolicyDocument, PolicyFile } from './policy-file.ts'
import { POLICY_KIND, readPolicy } from './read.ts'

/** Beside the folder of the shipped policies, put there by the build: what they say, as FilesRead. */
const FILES_READ = 'policies-read.json'

/** A folder with more is not a folder of policies. */
const MAX_FILES = 500

export interface PolicySources {
  /** Folder of the shipped policies; null: none of them. Default: those of this build. */
  readonly shipped?: string | null
  /** The operator's folder (policies.folder). */
  readonly folder?: string | null
  /** policies.environment. */
  readonly environment?: string | null
  /** policies.modes: by policy id, over what the policy says. */
  readonly modes?: Readonly<Record<string, PolicyMode>>
}

/** Checked files by path. Files that are gone stay in it until its holder starts anew. */
export type KnownFiles = Map<string, { readonly text: string; readonly file: PolicyFile | RuleFile }>

/** Policies that were read and checked, by the name of their file. */
export type FilesRead = Readonly<Record<string, { readonly text: string; readonly file: PolicyFile }>>

/** All policies in force, by id. */
export interface PolicySet {
  /** Plain data, for the process that folds: compilePolicies(documents). */
  readonly documents: readonly PolicyDocument[]
  readonly policies: readonly Policy[]
  readonly rules: readonly FoldingRule[]
  /** Files of payload rules in the operator's folder, and all their rules. */
  readonly ruleFiles: readonly RuleFile[]
  readonly payloadRules: readonly PayloadRule[]
}

/**
 * Reads the shipped policies and the operator's. A file of the operator's with the id of a shipped policy replaces it; two of
 * his own with one id are refused. Everything that is wrong is one OFFPATH_E_POLICY.
 *
 * @param known what was read before, by path: a file whose text is the same is not checked anew. Brought up to date.
 */
export function loadPolicies(sources: PolicySources = {}, known: KnownFiles = new Map()): PolicySet {
  const shipped = sources.shipped === undefined ? shippedFolder() : sources.shipped
  const { documents: own, ruleFiles } =
    sources.folder == null ? NOTHING : readFolder(sources.folder, (_, path) => path, known)
  const replaced = new Set(own.map(({ file }) => file.metadata.id))
  if (shipped !== null) recallShipped(shipped, known)
  const basis = shipped === null ? [] : readFolder(shipped, (name) => `shipped ${name}`, known).documents
  const read = [...basis.filter(({ file }) => !replaced.has(file.metadata.id)), ...own]
  checkModes(sources.modes ?? {}, read)
  const documents = read
    .map((each): PolicyDocument => ({ ...each, mode: modeOf(each.file, sources) }))
    .sort((a, b) => (a.file.metadata.id < b.file.metadata.id ? -1 : 1))
  return { documents, ruleFiles, payloadRules: ruleFiles.flatMap(rulesOf), ...compilePolicies(documents) }
}

/** Beside the bundle when built, at the top of the checkout when run from source. */
export function shippedFolder(): string {
  const beside = join(import.meta.dirname, 'policies')
  return existsSync(beside) ? beside : join(import.meta.dirname, '..', '..', 'policies')
}

/** What the build is to put beside the shipped policies: reading them takes longer than reading a small capture. */
export function readShipped(): FilesRead {
  const known: KnownFiles = new Map()
  loadPolicies({}, known)
  return Object.fromEntries([...known].map(([path, { text, file }]) => [basename(path), { text, file }])) as FilesRead
}

/** What the build has read already; a file that was changed since is read like any other. */
function recallShipped(folder: string, known: KnownFiles): void {
  const path = join(dirname(folder), FILES_READ)
  if (!existsSync(path)) return
  const read = JSON.parse(readFileSync(path, 'utf8')) as FilesRead
  for (const [name, each] of Object.entries(read)) {
    const at = join(folder, name)
    if (!known.has(at)) known.set(at, each)
  }
}

let shipped: PolicySet | null = null

/** The shipped policies as they are, read once. */
export function shippedPolicies(): PolicySet {
  shipped ??= loadPolicies()
  return shipped
}

/** Reads one file. `origin`: how it is called in lists. */
export function readPolicyFile(path: string, folder: string, origin: string): PolicyDocument {
  return documentOf(readPolicy(readText(path), path), folder, origin)
}

/** Reads a file of payload rules; null: it is one of another kind. */
export function readRuleFile(path: string): RuleFile | null {
  const text = readText(path)
  return holdsRules(text) ? readRules(text, path) : null
}

function documentOf(file: PolicyFile, folder: string, origin: string): PolicyDocument {
  return { file, mode: file.mode, origin, folder }
}

function readKnown(path: string, known: KnownFiles): PolicyFile | RuleFile {
  const text = readText(path)
  const before = known.get(path)
  if (before?.text === text) return before.file
  known.delete(path)
  const file = holdsRules(text) ? readRules(text, path) : readPolicy(text, path)
  known.set(path, { text, file })
  return file
}

interface FolderContent {
  readonly documents: readonly PolicyDocument[]
  readonly ruleFiles: readonly RuleFile[]
}

const NOTHING: FolderContent = { documents: [], ruleFiles: [] }

function readFolder(folder: string, origin: (name: string, path: string) => string, known: KnownFiles): FolderContent {
  const problems: string[] = []
  const documents: PolicyDocument[] = []
  const ruleFiles: RuleFile[] = []
  const pathById = new Map<string, string>()
  for (const name of policyFiles(folder)) {
    const path = join(folder, name)
    try {
      const file = readKnown(path, known)
      const { id } = file.metadata
      const other = pathById.get(id)
      if (other === undefined) {
        if (file.kind === 'PayloadRules') ruleFiles.push(file)
        else documents.push(documentOf(file, folder, origin(name, path)))
      } else problems.push(`${path} metadata.id: ${id} is also the id of ${other}`)
      pathById.set(id, path)
    } catch (error) {
      if (!(error instanceof OffpathError)) throw error
      problems.push(error.message)
    }
  }
  if (problems.length > 0) {
    throw new OffpathError('OFFPATH_E_POLICY', problems.join('\n'), { remedy: POLICY_KIND.remedy })
  }
  if (ruleFiles.reduce((count, { rules }) => count + rules.length, 0) > MAX_RULES) {
    throw new OffpathError('OFFPATH_E_POLICY', `there are over ${MAX_RULES} payload rules`, { at: folder })
  }
  return { documents, ruleFiles }
}

function policyFiles(folder: string): string[] {
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => /^[^.].*\.ya?ml$/.test(name))
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_POLICY', `the folder of policies cannot be read: ${reason(cause)}`, {
      at: folder,
      remedy: 'policies.folder names it',
      cause,
    })
  }
  if (names.length > MAX_FILES) {
    throw new OffpathError('OFFPATH_E_POLICY', `there are over ${MAX_FILES} files`, { at: folder })
  }
  return names.sort()
}

function readText(path: string): string {
  try {
    const { size } = statSync(path)
    return size > MAX_FILE_BYTES ? ' '.repeat(MAX_FILE_BYTES + 1) : readFileSync(path, 'utf8')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_POLICY', `${path} cannot be read: ${reason(cause)}`, { cause })
  }
}

function modeOf(file: PolicyFile, { environment, modes }: PolicySources): PolicyMode {
  const { id } = file.metadata
  if (modes !== undefined && Object.hasOwn(modes, id)) return modes[id]!
  return environment != null && Object.hasOwn(file.overrides, environment) ? file.overrides[environment]! : file.mode
}

/** A mode for a policy that is not there would be a mode somebody relies on. */
function checkModes(modes: Readonly<Record<string, PolicyMode>>, read: readonly PolicyDocument[]): void {
  const ids = read.map(({ file }) => file.metadata.id)
  for (const id of Object.keys(modes)) {
    if (ids.includes(id)) continue
    const near = nearest(id, ids)
    throw new OffpathError(
      'OFFPATH_E_CONFIG',
      `there is no policy ${id}${near === null ? '' : `, did you mean ${near}?`}`,
      {
        at: `policies.modes.${id}`,
        remedy: 'offpath policy list prints the policies there are',
      },
    )
  }
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if ('code' in cause && cause.code === 'ENOENT') return 'it does not exist'
  if ('code' in cause && cause.code === 'EACCES') return 'permission denied'
  return cause.message
}
