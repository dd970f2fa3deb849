import type { Action, Connector, ConnectorRequest, ConnectorResult, SelectorKind } from '../../daemon/model/action.ts'
import type { Incident, IncidentChange } from '../../daemon/model/incident.ts'
import type { Policy, ResponseStep } from '../../daemon/policies/policy.ts'
import { createLogger, type Logger } from '../../daemon/telemetry/log.ts'

/** Parts for tests of the response: incidents, policies, and a receiver whose answers the test decides on. */

export const START_MS = Date.UTC(2026, 10, 21, 20)

export function step(over: Partial<ResponseStep> = {}): ResponseStep {
  return {
    id: 'ban',
    action: 'edge',
    target: 'ip',
    risk: 'low',
    ttlUs: 900e6,
    repeat: { factor: 4, maxUs: 86_400e6, jitter: 0 },
    guard: { maxActive: 50, never: [], minSeverity: 'low', maxCollateralPrincipals: null },
    revertible: true,
    approval: { expiresUs: 600e6 },
    ...over,
  }
}

export function policy(mode: Policy['mode'], respond: readonly ResponseStep[] = [step()], id = 'bruteforce'): Policy {
  return { id, title: 'Password guessing', owner: null, mode, respond, origin: 'test' }
}

export function incident(addresses: readonly string[], over: Partial<Incident> = {}): Incident {
  const openedAt = START_MS * 1000
  return {
    id: 'incident-1',
    policy: 'bruteforce',
    detector: 'auth.bruteforce',
    detectors: ['auth.bruteforce'],
    owasp: 'API2:2023',
    owaspAll: ['API2:2023'],
    attack: ['T1110.001'],
    severity: 'high',
    title: 'Password guessing',
    why: '400 failed logins',
    openedAt,
    updatedAt: openedAt,
    closedAt: null,
    subject: { kind: 'ip', value: addresses[0] ?? '', members: [] },
    service: 'api.shop.test',
    endpoints: ['POST /login'],
    signalCount: 1,
    transactionCount: 400,
    evidence: [],
    outcome: { pSuccess: 0, objectsExposed: 0, accounts: [] },
    maturity: 1,
    completeness: 1,
    status: 'open',
    actions: [],
    simulated: false,
    targets: addresses.map((value) => ({ kind: 'ip', value })),
    doubts: [],
    ...over,
  }
}

export function change(about: Incident, kind: IncidentChange['kind'] = 'updated'): IncidentChange {
  return { kind, incident: about, keys: [] }
}

/** A receiver that does what it is told, and answers what the test wants. */
export class Receiver implements Connector {
  readonly name = 'edge'
  readonly accepts: readonly SelectorKind[] = ['ip', 'cidr', 'user']
  readonly calls: string[] = []
  /** What is in force there, by idempotency key. */
  readonly inForce = new Set<string>()
  applyAnswer: (request: ConnectorRequest) => Promise<ConnectorResult> | ConnectorResult = () => DONE
  revertAnswer: (request: ConnectorRequest) => Promise<ConnectorResult> | ConnectorResult = () => DONE

  async apply(request: ConnectorRequest): Promise<ConnectorResult> {
    this.calls.push(`apply ${request.action.target.value}`)
    const answer = await this.applyAnswer(request)
    if (answer.ok) this.inForce.add(request.action.idempotencyKey)
    return answer
  }

  async revert(request: ConnectorRequest): Promise<ConnectorResult> {
    this.calls.push(`revert ${request.action.target.value}`)
    const answer = await this.revertAnswer(request)
    if (answer.ok) this.inForce.delete(request.action.idempotencyKey)
    return answer
  }
}

export const DONE: ConnectorResult = { ok: true, receipt: { id: '7' } }
export const DOWN: ConnectorResult = { ok: false, retry: true, error: 'connection refused' }
export const LOST: ConnectorResult = { ok: false, retry: true, error: 'no answer', uncertain: true }
export const FORBIDDEN: ConnectorResult = { ok: false, retry: false, error: 'status 403' }

/** A map whose newest changes are lost in a crash, as those of a file that was not synced yet. */
export class CrashingMap {
  readonly #disk: Map<string, string>
  readonly #memory: Map<string, Action>
  #alive = true

  constructor(disk: Map<string, string> = new Map()) {
    this.#disk = disk
    this.#memory = new Map([...disk].map(([key, json]) => [key, JSON.parse(json) as Action]))
  }

  get(key: string): Action | undefined {
    return this.#memory.get(key)
  }

  values(): IterableIterator<Action> {
    return this.#memory.values()
  }

  async set(key: string, value: Action): Promise<void> {
    this.#memory.set(key, value)
    const json = JSON.stringify(value)
    await Promise.resolve()
    if (!this.#alive) return NEVER
    this.#disk.set(key, json)
  }

  async delete(key: string): Promise<void> {
    this.#memory.delete(key)
    await Promise.resolve()
    if (!this.#alive) return NEVER
    this.#disk.delete(key)
  }

  /** The process is gone: what is not on disk never gets there. */
  crash(): CrashingMap {
    this.#alive = false
    return new CrashingMap(this.#disk)
  }
}

const NEVER = new Promise<never>(() => undefined)

export function quietLogger(records: Record<string, unknown>[] = []): Logger {
  return createLogger('debug', { write: (record) => void records.push(JSON.parse(record) as Record<string, unknown>) })
}
