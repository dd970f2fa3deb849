import { setTimeout as sleep } from 'node:timers/promises'
import type { ActionJson, Operations } from '../daemon/api/operations.ts'
import { escapeTerminal } from '../sinks/escape.ts'
import { renderTable } from '../sinks/text-table.ts'
import type { WebhookReceiver } from './receiver.ts'

const WAIT_MS = 5000
const POLL_MS = 50

const INCIDENTS =
  'SELECT severity, detector, subject_kind, transaction_count AS requests, status FROM incidents FINAL ORDER BY opened_at'

/** What became of what was found: stored and asked for by SQL, told to a receiver, acted on and taken back. As lines for a terminal. */
export async function showChain(operations: Operations, receiver: WebhookReceiver): Promise<string[]> {
  return [...(await stored(operations)), ...(await told(operations, receiver)), ...(await acted(operations)), '']
}

async function stored(operations: Operations): Promise<string[]> {
  const everything = async () => (await operations.status()).store?.spool.batches === 0
  if ((await operations.status()).store === null) {
    return ['stored   nothing: the package chdb is not installed (npm install chdb), or the store is off']
  }
  await until(everything)
  const { rows: counted } = await operations.query({ sql: 'SELECT count() FROM transactions' })
  const { columns, rows } = await operations.query({ sql: INCIDENTS })
  const table = renderTable(
    columns.map(({ name }) => ({ title: name.toUpperCase() })),
    rows.map((row) => row.map(String)),
    { width: 100, colour: false },
  )
  return [
    `stored   ${counted[0]?.[0]} requests and ${rows.length} incidents in the embedded ClickHouse; offpath store query:`,
    `         ${INCIDENTS}`,
    ...table
      .trimEnd()
      .split('\n')
      .map((line) => `           ${line}`),
  ]
}

async function told(operations: Operations, receiver: WebhookReceiver): Promise<string[]> {
  await until(async () => (await operations.status()).webhooks.every(({ pending }) => pending === 0))
  const opened = receiver.events.filter(({ type }) => type === 'offpath.incident.opened.v1').length
  return [
    `told     ${receiver.events.length} signed events to a receiver on the loopback, ${opened} of them openings; ` +
      `${receiver.refused} with a wrong signature`,
  ]
}

async function acted(operations: Operations): Promise<string[]> {
  const [first] = await operations.actions({ live: true })
  if (first === undefined) return ['acted    on nothing: no incident was grave enough for its policy']
  const lease = `${Math.round(first.ttl_seconds / 60)} min`
  await operations.revertAction(first.id, { who: 'demo', reason: 'the demo is over' })
  let last: ActionJson = first
  await until(async () => {
    last = (await operations.actions({ incident: first.incident_id })).find(({ id }) => id === first.id) ?? last
    return last.state === 'reverted'
  })
  const target = `${first.target.kind} ${escapeTerminal(first.target.value)}`
  return [
    `acted    ${first.step} on ${target}: ${first.simulated ? 'simulated, nothing was sent' : 'applied'}; ` +
      `lease ${lease}, ended early: ${last.state}`,
  ]
}

async function until(met: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + WAIT_MS
  while (performance.now() < end && !(await met())) await sleep(POLL_MS)
}
