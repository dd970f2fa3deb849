import { type IncomingMessage, request } from 'node:http'
import type { StoreQuery, StoreResult } from '../../sinks/store/store.ts'
import type { DescribedRoute } from '../inventory/descriptions.ts'
import type { ClientJson } from '../inventory/views.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type {
  ActionFilter,
  ActionJson,
  Decision,
  DeliveryFilter,
  DeliveryJson,
  DeployJson,
  DeployRequest,
  IncidentDetailJson,
  IncidentFilter,
  IncidentJson,
  InventoryFilter,
  JudgedJson,
  Operations,
  PolicyJson,
  StatusJson,
  VerdictRequest,
} from './operations.ts'
import { errorOf } from './problem.ts'
import { statusFromWire, type WireStatus } from './store-status.ts'

/** A query may take its 30 s in the store, and an answer some more on a busy host. */
const TIMEOUT_MS = 45_000
/** Whether there is a daemon is known at once; one that hangs is as good as none. */
const REACH_MS = 5000
/** An answer is a status, a list of at most 1000, or the rows of a query, which the store bounds. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024

/**
 * The daemon, asked over its unix socket. Errors of the daemon come back as what they were there; a daemon that does not
 * answer is OFFPATH_E_UNREACHABLE.
 */
export class ApiClient implements Operations {
  readonly #socketPath: string
  readonly #timeoutMs: number

  constructor(options: { readonly socketPath: string; readonly timeoutMs?: number }) {
    this.#socketPath = options.socketPath
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  }

  async status(): Promise<StatusJson> {
    return statusFromWire(await this.#ask<WireStatus>('GET', '/api/v1/status'))
  }

  async incidents(filter: IncidentFilter): Promise<readonly IncidentJson[]> {
    const found = await this.#ask<{ incidents: IncidentJson[] }>('GET', withQuery('/api/v1/incidents', filter))
    return found.incidents
  }

  incident(id: string): Promise<IncidentDetailJson> {
    return this.#ask('GET', `/api/v1/incidents/${encodeURIComponent(id)}`)
  }

  judgeIncident(id: string, verdict: VerdictRequest): Promise<JudgedJson> {
    return this.#ask('POST', `/api/v1/incidents/${encodeURIComponent(id)}/verdict`, verdict)
  }

  async actions(filter: ActionFilter): Promise<readonly ActionJson[]> {
    return (await this.#ask<{ actions: ActionJson[] }>('GET', withQuery('/api/v1/actions', filter))).actions
  }

  approveAction(id: string, by: Decision): Promise<ActionJson> {
    return this.#ask('POST', `/api/v1/actions/${encodeURIComponent(id)}/approve`, by)
  }

  denyAction(id: string, by: Decision): Promise<ActionJson> {
    return this.#ask('POST', `/api/v1/actions/${encodeURIComponent(id)}/deny`, by)
  }

  revertAction(id: string, by: Decision): Promise<ActionJson> {
    return this.#ask('POST', `/api/v1/actions/${encodeURIComponent(id)}/revert`, by)
  }

  async policies(): Promise<readonly PolicyJson[]> {
    return (await this.#ask<{ policies: PolicyJson[] }>('GET', '/api/v1/policies')).policies
  }

  async reloadPolicies(): Promise<readonly PolicyJson[]> {
    return (await this.#ask<{ policies: PolicyJson[] }>('POST', '/api/v1/policies/reload')).policies
  }

  reinstatePolicy(id: string, by: Decision): Promise<PolicyJson> {
    return this.#ask('POST', `/api/v1/policies/${encodeURIComponent(id)}/reinstate`, by)
  }

  async deliveries(filter: DeliveryFilter): Promise<readonly DeliveryJson[]> {
    const found = await this.#ask<{ deliveries: DeliveryJson[] }>('GET', withQuery('/api/v1/deliveries', filter))
    return found.deliveries
  }

  redeliver(which: { readonly event?: string; readonly endpoint?: string }): Promise<{ readonly queued: number }> {
    return this.#ask('POST', '/api/v1/deliveries/redeliver', which)
  }

  async deploys(): Promise<readonly DeployJson[]> {
    return (await this.#ask<{ deploys: DeployJson[] }>('GET', '/api/v1/deploys')).deploys
  }

  markDeploy(deploy: DeployRequest): Promise<DeployJson> {
    return this.#ask('POST', '/api/v1/deploys', deploy)
  }

  async query({ sql, params, maxRows }: StoreQuery): Promise<StoreResult> {
    const answer = await this.#ask<Omit<StoreResult, 'elapsedMs'> & { elapsed_ms: number }>('POST', '/api/v1/query', {
      sql,
      ...(params === undefined ? {} : { params }),
      ...(maxRows === undefined ? {} : { max_rows: maxRows }),
    })
    return { columns: answer.columns, rows: answer.rows, cut: answer.cut, elapsedMs: answer.elapsed_ms }
  }

  async routes(filter: InventoryFilter): Promise<readonly DescribedRoute[]> {
    return (await this.#ask<{ routes: DescribedRoute[] }>('GET', withQuery('/api/v1/routes', filter))).routes
  }

  async clients(filter: Pick<InventoryFilter, 'limit'>): Promise<readonly ClientJson[]> {
    return (await this.#ask<{ clients: ClientJson[] }>('GET', withQuery('/api/v1/clients', filter))).clients
  }

  /** Whether a daemon answers at all. */
  async reachable(): Promise<boolean> {
    try {
      await this.#send('GET', '/healthz', undefined, Math.min(this.#timeoutMs, REACH_MS))
      return true
    } catch (error) {
      if (error instanceof OffpathError && error.code === 'OFFPATH_E_UNREACHABLE') return false
      throw error
    }
  }

  async #ask<Answer>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer> {
    const { status, text } = await this.#send(method, path, body === undefined ? undefined : JSON.stringify(body))
    if (status === 200) {
      try {
        return JSON.parse(text) as Answer
      } catch (cause) {
        throw unreachable(this.#socketPath, 'it answered something that is not JSON', cause)
      }
    }
    throw errorOf(text) ?? unreachable(this.#socketPath, `it answered with status ${status}`)
  }

  #send(
    method: string,
    path: string,
    body: string | undefined,
    timeoutMs = this.#timeoutMs,
  ): Promise<{ status: number; text: string }> {
    const { promise, resolve, reject } = withResolvers<{ status: number; text: string }>()
    const failed = (cause: unknown) => reject(unreachable(this.#socketPath, reason(cause), cause))
    const asked = request(
      {
        socketPath: this.#socketPath,
        method,
        path,
        agent: false,
        headers: {
          host: 'localhost',
          accept: 'application/json',
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      },
      (answer) => {
        readText(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), failed)
      },
    )
    // Over the whole exchange: a daemon that trickles is as good as none.
    const timer = setTimeout(() => asked.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
    asked.on('error', failed)
    asked.on('close', () => clearTimeout(timer))
    asked.end(body)
    return promise
  }
}

async function readText(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer is too long')
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

function withQuery(path: string, filter: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value))
  return query.size === 0 ? path : `${path}?${query}`
}

function unreachable(socketPath: string, why: string, cause?: unknown): OffpathError {
  return new OffpathError('OFFPATH_E_UNREACHABLE', `no daemon answers: ${why}`, {
    at: socketPath,
    remedy: 'offpath run starts one; --config names the configuration it was started with',
    cause,
  })
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if (!('code' in cause)) return cause.message
  if (cause.code === 'ENOENT') return 'there is no socket in the data folder'
  if (cause.code === 'ECONNREFUSED') return 'nobody listens on the socket'
  if (cause.code === 'EACCES' || cause.code === 'EPERM') return 'this user may not use the socket'
  return cause.message
}

/** Promise.withResolvers is younger than Node 20. */
function withResolvers<Value>() {
  let resolve: (value: Value) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
