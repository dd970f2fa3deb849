import { join } from 'node:path'
import type { Connection } from '../../daemon/api/connect.ts'
import type {
  ActionFilter,
  ActionJson,
  Decision,
  IncidentDetailJson,
  IncidentFilter,
  IncidentJson,
  Operations,
  PolicyJson,
} from '../../daemon/api/operations.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { type Emit, replay } from '../../daemon/topology/replay.ts'

const DEMO = join(import.meta.dirname, '..', '..', 'demo')
const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical']

/** Operations over details held in memory, as a daemon would answer: for the commands, without a daemon. */
export class MemoryOperations implements Pick<Operations, 'incidents' | 'incident' | 'actions'> {
  readonly details: IncidentDetailJson[]
  readonly decided: { readonly name: string; readonly id: string; readonly by: Decision }[] = []
  /** What the last list was asked for. */
  asked: IncidentFilter | ActionFilter = {}
  closed = 0

  constructor(details: readonly IncidentDetailJson[]) {
    this.details = [...details]
  }

  readonly online = true

  connection(): Promise<Connection> {
    // The commands under test ask for nothing else.
    return Promise.resolve(this as unknown as Connection)
  }

  async close(): Promise<void> {
    this.closed++
  }

  async incidents(filter: IncidentFilter): Promise<readonly IncidentJson[]> {
    this.asked = filter
    const least = filter.min_severity === undefined ? -1 : SEVERITIES.indexOf(filter.min_severity)
    return this.details
      .map(({ incident }) => incident)
      .filter(
        (incident) =>
          (filter.since === undefined || incident.updated_at >= filter.since) &&
          (filter.status === undefined || incident.status === filter.status) &&
          (filter.policy === undefined || incident.policy === filter.policy) &&
          SEVERITIES.indexOf(incident.severity) >= least,
      )
      .sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1))
      .slice(0, filter.limit ?? 50)
  }

  async incident(id: string): Promise<IncidentDetailJson> {
    const found = this.details.find(({ incident }) => incident.id === id)
    if (found === undefined) throw new OffpathError('OFFPATH_E_NOT_FOUND', `there is no incident ${id}`)
    return found
  }

  async actions(filter: ActionFilter): Promise<readonly ActionJson[]> {
    this.asked = filter
    return this.details
      .flatMap(({ actions }) => actions)
      .filter((action) => filter.incident === undefined || action.incident_id === filter.incident)
      .filter((action) => filter.live !== true || !['reverted', 'refused', 'failed', 'expired'].includes(action.state))
      .slice(0, filter.limit ?? 50)
  }

  approveAction = (id: string, by: Decision) => this.#decide('approve', id, by)
  denyAction = (id: string, by: Decision) => this.#decide('deny', id, by)
  revertAction = (id: string, by: Decision) => this.#decide('revert', id, by)

  async #decide(name: string, id: string, by: Decision): Promise<ActionJson> {
    const action = this.details.flatMap(({ actions }) => actions).find((each) => each.id === id)
    if (action === undefined) throw new OffpathError('OFFPATH_E_NOT_FOUND', `there is no action ${id}`)
    this.decided.push({ name, id, by })
    return {
      ...action,
      history: [...action.history, { state: action.state, at: '2026-11-21T23:20:00.000Z', why: by.reason }],
    }
  }
}

export function fakePolicy(id: string, given: Partial<PolicyJson> & { max_log10_p?: number } = {}): PolicyJson {
  return {
    id,
    title: 'Object enumeration',
    owner: 'api-team',
    detectors: ['object.enumeration'],
    mode: 'simulate',
    severity: null,
    condition: null,
    respond: [{ id: 'throttle', action: 'webhook', ttl_seconds: 900 }],
    origin: `shipped ${id}.yaml`,
    ...given,
  }
}

export function fakeAction(incidentId: string, given: Partial<ActionJson> = {}): ActionJson {
  return {
    id: '01m8068000000000000000act1',
    incident_id: incidentId,
    policy: 'object-enumeration',
    step: 'throttle',
    connector: 'webhook',
    target: { kind: 'user', value: 'u_1280' },
    mode: 'simulate',
    simulated: true,
    state: 'applied',
    reason: 'object-enumeration asks for it',
    idempotency_key: 'k',
    proposed_at: '2026-11-21T23:14:35.100Z',
    lease_until: '2026-11-21T23:29:35.100Z',
    ttl_seconds: 900,
    attempts: 0,
    error: null,
    history: [
      { state: 'proposed', at: '2026-11-21T23:14:35.100Z', why: 'severity high' },
      { state: 'applied', at: '2026-11-21T23:14:35.200Z', why: 'simulated: nothing was sent' },
    ],
    ...given,
  }
}

async function replayed(emit: Emit): Promise<Record<string, unknown>[]> {
  const lines: string[] = []
  await replay({
    files: [join(DEMO, 'day.jsonl.gz'), join(DEMO, 'scene.pcap.gz')],
    emit,
    bodies: 'text',
    config: effectiveConfig(CONFIG_SCHEMA, null, {}).config,
    key: TEST_KEY,
    speed: 'max',
    write: (line) => void lines.push(line),
    warn: () => {},
    stop: new AbortController().signal,
  })
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** What a daemon would hold after the attacks of the demo: found by replaying them. */
export async function demoDetails(): Promise<IncidentDetailJson[]> {
  const incidents = (await replayed('incidents')) as unknown as IncidentJson[]
  const signals = await replayed('signals')
  const transactions = new Map<unknown, Record<string, unknown>>(
    (await replayed('transactions')).map((tx) => [tx.id, tx]),
  )
  return incidents.map((incident) => {
    const ids = [...new Set(incident.evidence.map((ref) => ref.transaction_id))]
    const detectors = incident.detectors as string[]
    return {
      incident,
      signals: signals
        .filter(
          (signal) => ids.includes(signal.transaction_id as string) && detectors.includes(signal.detector as string),
        )
        .slice(0, 100),
      transactions: ids
        .map((id) => transactions.get(id))
        .filter((tx) => tx !== undefined)
        .sort((a, b) => (String(a.ts) < String(b.ts) ? -1 : 1)),
      history: [{ at: incident.opened_at, kind: 'opened', why: '' }],
      actions: [],
      policy: null,
    }
  })
}
