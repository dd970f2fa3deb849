import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { IncidentDetailJson } from '../api/operations.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { writeJsonLines } from './connection.ts'
import type { CliContext } from './context.ts'
import { writeText } from './write-text.ts'

export interface ExportOptions {
  /** Folder, or `-`: the transactions alone, on standard output. */
  readonly to: string
  readonly asTest: boolean
}

type Transaction = IncidentDetailJson['transactions'][number]

/**
 * Writes the requests behind an incident so that they can be replayed, and what is to be expected of that. What is
 * stored is written, nothing is made up: how much is missing is said.
 */
export async function exportIncident(
  detail: IncidentDetailJson,
  options: ExportOptions,
  context: CliContext,
): Promise<void> {
  const { incident } = detail
  const transactions = inOrder(detail.transactions)
  if (transactions.length === 0) {
    throw new OffpathError('OFFPATH_E_STATE', 'none of its requests are stored', {
      at: `incident ${incident.id}`,
      remedy: 'requests are kept while store.enabled is true and their days have not run out',
    })
  }
  const notes = notesOf(detail, transactions)
  if (options.to === '-') {
    await writeJsonLines(context, transactions)
    for (const note of notes) context.logger.info(note)
    return
  }
  // An id is letters and digits; one that is not makes no path.
  const name = /^[0-9a-z]{1,40}$/.test(incident.id) ? incident.id : 'incident'
  const lines = transactions.map((transaction) => `${JSON.stringify(transaction)}\n`).join('')
  const file = await writePrivately(options.to, `${name}.jsonl`, lines)
  const expected = {
    replay: `${name}.jsonl`,
    policy: incident.policy,
    incidents: 1,
    severity: incident.severity,
    detectors: Array.isArray(incident.detectors) ? incident.detectors : [incident.detector],
  }
  const expectFile = await writePrivately(options.to, `${name}.expect.json`, `${JSON.stringify(expected, null, 2)}\n`)
  const said = [`${file}\n${expectFile}\n`]
  if (options.asTest) {
    said.push(
      `\nFor the policy ${JSON.stringify(incident.policy)}, beside its file:\n${testEntry(name, incident.severity)}`,
    )
  }
  said.push('\n', ...notes.map((note) => `${note}\n`))
  await writeText(context.stdout, said.join(''))
}

function testEntry(name: string, severity: string): string {
  const told = /^[a-z]{1,10}$/.test(severity) ? `, severity: ${severity}` : ''
  return `tests:\n  - {replay: ${name}.jsonl, expect: {incidents: 1${told}}}\n`
}

/** As replay wants them: by (end_ts, id), each once. */
function inOrder(transactions: readonly Transaction[]): Transaction[] {
  const byId = new Map(transactions.map((transaction) => [String(transaction.id), transaction]))
  const key = (transaction: Transaction) => `${transaction.end_ts ?? transaction.ts} ${transaction.id}`
  return [...byId.values()].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
}

function notesOf({ incident }: IncidentDetailJson, transactions: readonly Transaction[]): string[] {
  const notes: string[] = []
  const count = transactions.length
  if (count < incident.transaction_count) {
    notes.push(
      `${count} of its ${incident.transaction_count} requests are stored and written: how it began, and the newest.`,
    )
  }
  const bare = transactions.filter((transaction) => transaction.request_headers === undefined).length
  if (bare > 0) notes.push(`${bare} of them are stored without headers and bodies.`)
  notes.push(
    'A detector that learns for days may find nothing in this cut-out alone: put the traffic of the days before in front of it.',
    'It replays under the privacy key it was recorded with: another one is refused.',
  )
  return notes
}

/** Mode 0600, whole or not at all; a link that stands in its place is replaced, not followed. */
async function writePrivately(folder: string, name: string, text: string): Promise<string> {
  const path = join(folder, name)
  const draft = join(folder, `.${name}.${process.pid}`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(text)
    } finally {
      await file.close()
    }
    await rename(draft, path)
    return path
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => {})
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
    throw new OffpathError('OFFPATH_E_USAGE', `the export cannot be written: ${code}`, {
      at: path,
      remedy: 'a folder that can be written in: --output',
      cause,
    })
  }
}
