import type { Connector, ConnectorRequest, ConnectorResult, SelectorKind } from '../../daemon/model/action.ts'
import { actionEvent, type EventContext } from './events.ts'
import type { Outbox } from './outbox.ts'

export interface WebhookConnectorOptions {
  readonly outbox: Outbox
  readonly context: EventContext
}

const ACCEPTS: readonly SelectorKind[] = ['ip', 'cidr', 'user', 'session', 'api_key', 'consumer', 'endpoint', 'service']

/**
 * The connector `webhook`: asks the receivers of action events to carry an action out, or to take it back. It has worked when one of
 * them answered 2xx; it has failed when none can be reached any more. A repeated try joins the event that is on its way.
 */
export class WebhookConnector implements Connector {
  readonly name = 'webhook'
  readonly accepts = ACCEPTS
  readonly #options: WebhookConnectorOptions

  constructor(options: WebhookConnectorOptions) {
    this.#options = options
  }

  apply(request: ConnectorRequest): Promise<ConnectorResult> {
    return this.#ask('requested', request)
  }

  revert(request: ConnectorRequest): Promise<ConnectorResult> {
    return this.#ask('reverted', request)
  }

  async #ask(kind: 'requested' | 'reverted', { action, incident, signal }: ConnectorRequest): Promise<ConnectorResult> {
    const { outbox, context } = this.#options
    if (action.simulated) return failure('a simulated action is not sent to receivers', false)
    if (outbox.subscribers('action').length === 0) {
      return failure('no endpoint of sinks.webhook takes action events, or all that do are disabled', false)
    }
    const event = actionEvent(kind, action, incident, context)
    let end: (result: ConnectorResult) => void = () => undefined
    const ended = new Promise<ConnectorResult>((resolve) => {
      end = resolve
    })
    const look = () => {
      const result = resultOf(outbox.standing(event.id), event.id)
      if (result !== null) end(result)
    }
    const forget = outbox.onOutcome((outcome) => {
      if (outcome.event === event.id) look()
    })
    // It may arrive, or have arrived, all the same.
    const abort = () => end(mayHaveHappened('no receiver has answered yet; delivery goes on', true))
    signal.addEventListener('abort', abort, { once: true })
    try {
      await outbox.publish(event)
      look()
      if (signal.aborted) abort()
      return await ended
    } catch (error) {
      return failure(`the outbox could not be written: ${error instanceof Error ? error.message : String(error)}`, true)
    } finally {
      forget()
      signal.removeEventListener('abort', abort)
    }
  }
}

/** Null while nothing is decided. */
function resultOf(standing: ReturnType<Outbox['standing']>, event: string): ConnectorResult | null {
  const delivered = standing.find(({ state }) => state === 'delivered')
  if (delivered !== undefined) return { ok: true, receipt: { event, endpoint: delivered.endpoint } }
  if (standing.length === 0 || standing.some(({ state }) => state === 'pending')) return null
  const reasons = standing.map(({ endpoint, error }) => `${endpoint}: ${error ?? 'not delivered'}`)
  // A receiver that failed, or whose answer was lost, may have acted before.
  return mayHaveHappened(`no receiver took it (${reasons.join('; ')})`, false)
}

function failure(error: string, retry: boolean): ConnectorResult {
  return { ok: false, retry, error }
}

function mayHaveHappened(error: string, retry: boolean): ConnectorResult {
  return { ok: false, retry, error, uncertain: true }
}
