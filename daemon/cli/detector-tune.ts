import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DetectorDeclaration } from '../../analyzers/detector.ts'
import { snakeCase } from '../../analyzers/option-names.ts'
import { connectOperations } from '../api/connect.ts'
import { transactionsSince } from '../api/stored-transactions.ts'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { effectiveConfig } from '../config/effective.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import type { Incident } from '../model/incident.ts'
import { formatTime, SECOND_US } from '../model/time.ts'
import { loadPolicies } from '../policies/load.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { replay } from '../topology/replay.ts'
import { leaves, toJsonSchema } from '../yaml/key-tree.ts'
import { nearest } from '../yaml/suggest.ts'
import { usageError } from './failure.ts'
import { offlineSources } from './offline-sources.ts'

/** What a detector says of the same traffic with its options as they are, or as they would be. */
export interface TuneSide {
  readonly signals: number
  readonly incidents: readonly TunedIncident[]
}

export interface TunedIncident {
  readonly opened_at: string
  readonly severity: string
  readonly subject: string
  readonly why: string
}

export interface TuneResult {
  readonly detector: string
  readonly changes: readonly { readonly key: string; readonly from: unknown; readonly to: unknown }[]
  readonly transactions: number
  readonly before: TuneSide
  readonly after: TuneSide
  /** Of `before` and `after`, those that the other has not: same subject, opened within a minute. */
  readonly gone: readonly TunedIncident[]
  readonly added: readonly TunedIncident[]
}

export interface TuneRequest {
  readonly declaration: DetectorDeclaration
  /** `key=value`, keys as in offpath.yaml, values as in JSON. */
  readonly settings: readonly string[]
  readonly config: ValidatedConfig
  readonly key: PrivacyKey
  /** Recordings; none: what is stored of the last `days`. */
  readonly files: readonly string[]
  readonly days: number
  readonly environment: Readonly<Record<string, string | undefined>>
  warn(message: string): void
  readonly stop: AbortSignal
}

const DAY_SECONDS = 86_400
const SAME_WITHIN_US = 60 * SECOND_US

/** Judges traffic twice, with this detector alone, and compares. Nothing is written. */
export async function tune(request: TuneRequest): Promise<TuneResult> {
  const { declaration, config } = request
  const present = config.detectors[declaration.id] ?? {}
  const changes = changesOf(declaration, request.settings, present)
  const after = withOptions(config, declaration, Object.fromEntries(changes.map(({ key, to }) => [key, to])))
  const before = withOptions(config, declaration, {})
  const stored = request.files.length > 0 ? null : await storedTraffic(request)
  try {
    const files = stored === null ? request.files : [stored.path]
    const left = await judge(files, before, request)
    const right = await judge(files, after, request)
    return {
      detector: declaration.id,
      changes,
      transactions: left.transactions,
      before: sideOf(left),
      after: sideOf(right),
      gone: missing(left.incidents, right.incidents).map(tuned),
      added: missing(right.incidents, left.incidents).map(tuned),
    }
  } finally {
    await stored?.remove()
  }
}

/** @throws usage error where a key is none of the detector's; OFFPATH_E_CONFIG where a value is none for it */
function changesOf(
  { id, options }: DetectorDeclaration,
  settings: readonly string[],
  present: Readonly<Record<string, unknown>>,
): TuneResult['changes'] {
  const known = new Map(leaves(toJsonSchema(options)).map(({ path, node }) => [snakeCase(path), node.default ?? null]))
  return settings.map((setting) => {
    const equals = setting.indexOf('=')
    const key = equals < 0 ? setting : setting.slice(0, equals)
    if (equals < 0) throw usageError(`--set ${setting}: expected key=value`, `offpath detector show ${id}`)
    if (!known.has(key)) {
      const near = nearest(key, [...known.keys()])
      throw usageError(
        `${id} has no option ${key}${near === null ? '' : ` (did you mean ${near}?)`}`,
        `offpath detector show ${id}`,
      )
    }
    return { key, from: present[key] ?? known.get(key), to: jsonValue(setting.slice(equals + 1)) }
  })
}

/** As JSON says it; a bare word is a text. */
function jsonValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** This detector alone, and its options checked like those of a file. */
function withOptions(
  config: ValidatedConfig,
  { id }: DetectorDeclaration,
  options: Readonly<Record<string, unknown>>,
): ValidatedConfig {
  const detectors = Object.fromEntries(Object.keys(config.detectors).map((each) => [each, { enabled: each === id }]))
  const own = { ...config.detectors[id], ...options, enabled: true }
  return effectiveConfig(CONFIG_SCHEMA, null, { ...config, detectors: { ...detectors, [id]: own } }).config
}

interface Judged {
  readonly transactions: number
  readonly signals: number
  readonly incidents: readonly Incident[]
}

async function judge(
  files: readonly string[],
  config: ValidatedConfig,
  { declaration, key, warn, stop }: TuneRequest,
): Promise<Judged> {
  const { documents, payloadRules } = loadPolicies(config.policies)
  const policies = documents.filter(({ file }) => file.when.detectors.includes(declaration.id))
  let signals = 0
  const summary = await replay({
    files,
    emit: 'signals',
    bodies: 'text',
    config,
    key,
    policies,
    payloadRules,
    speed: 'max',
    write: () => {
      signals++
    },
    warn,
    stop,
  })
  return { transactions: summary.pairs.in, signals, incidents: summary.incidents }
}

/** What the store has, as a file of native records, without headers and bodies. */
async function storedTraffic({ config, days, environment, declaration, stop }: TuneRequest) {
  const folder = await mkdtemp(join(tmpdir(), 'offpath-tune-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  const operations = await connectOperations(offlineSources(config, environment))
  try {
    const path = join(folder, 'stored.jsonl')
    const file = await open(path, 'wx', 0o600)
    let count = 0
    try {
      const since = (Date.now() / 1000 - days * DAY_SECONDS) * SECOND_US
      for await (const page of transactionsSince(since, (query) => operations.query(query))) {
        if (stop.aborted) break
        count += page.length
        await file.write(page.map((each) => `${JSON.stringify(each)}\n`).join(''))
      }
    } finally {
      await file.close()
    }
    if (count === 0) {
      throw new OffpathError('OFFPATH_E_STORE', `nothing is stored of the last ${days} days`, {
        remedy: `name a recording: offpath detector tune ${declaration.id} --set … capture.pcap`,
      })
    }
    return { path, remove }
  } catch (error) {
    await remove()
    throw error
  } finally {
    await operations.close()
  }
}

function sideOf({ signals, incidents }: Judged): TuneSide {
  return { signals, incidents: incidents.map(tuned) }
}

function tuned({ openedAt, severity, subject, why }: Incident): TunedIncident {
  return { opened_at: formatTime(openedAt), severity, subject: `${subject.kind} ${subject.value}`, why }
}

function missing(these: readonly Incident[], those: readonly Incident[]): Incident[] {
  return these.filter(
    ({ subject, openedAt }) =>
      !those.some(
        (other) =>
          other.subject.kind === subject.kind &&
          other.subject.value === subject.value &&
          Math.abs(other.openedAt - openedAt) <= SAME_WITHIN_US,
      ),
  )
}
