import { escapeTerminal } from '../../../sinks/escape.ts'
import type { Connector, ConnectorRequest, ConnectorResult, SelectorKind } from '../../model/action.ts'
import { at, type CallResult, HttpTarget, headerValue } from './http-call.ts'
import type { Recipe } from './recipe.ts'
import { fill, TemplateFault, type Values } from './template.ts'

export interface RecipeConnectorOptions {
  readonly name: string
  readonly recipe: Recipe
  readonly url: URL
  readonly timeoutMs: number
  /** PEM; null: the system's. */
  readonly ca: string | null
  readonly params: Readonly<Record<string, string>>
  readonly secrets: Readonly<Record<string, string>>
  readonly nowMs: () => number
}

const MAX_RECEIPT_TEXT = 256

type CallFault = Extract<CallResult, { ok: false }>
/** Headers with a token where the recipe has a login, or why there is none. */
type Authorization = { readonly fault: null; readonly headers: Record<string, string> } | { readonly fault: CallFault }

/** Carries out a recipe over HTTP. */
export class RecipeConnector implements Connector {
  readonly name: string
  readonly accepts: readonly SelectorKind[]
  readonly #options: RecipeConnectorOptions
  readonly #http: HttpTarget
  #token: { readonly value: string; readonly untilMs: number } | null = null
  /** The login under way: whoever needs a token meanwhile waits for the same one. */
  #login: Promise<CallResult> | null = null

  constructor(options: RecipeConnectorOptions) {
    this.name = options.name
    this.accepts = options.recipe.accepts
    this.#options = options
    this.#http = new HttpTarget(options.url, options.timeoutMs, options.ca)
  }

  async apply(request: ConnectorRequest): Promise<ConnectorResult> {
    const { recipe } = this.#options
    const result = await this.#send('apply', request)
    if (!result.ok) return this.#told(result)
    const receipt: Record<string, string> = {}
    for (const [name, pointer] of Object.entries(recipe.apply.receipt)) {
      const found = at(result.answer, pointer)
      if (typeof found === 'string' || typeof found === 'number')
        receipt[name] = String(found).slice(0, MAX_RECEIPT_TEXT)
    }
    return { ok: true, receipt }
  }

  async revert(request: ConnectorRequest): Promise<ConnectorResult> {
    const result = await this.#send('revert', request)
    return result.ok ? { ok: true, receipt: {} } : this.#told(result)
  }

  close(): Promise<void> {
    return this.#http.close()
  }

  async #send(operation: 'apply' | 'revert', { action, signal }: ConnectorRequest): Promise<CallResult> {
    const { recipe } = this.#options
    const values = this.#values(operation, action)
    for (let round = 0; ; round++) {
      const login = await this.#authorization()
      if (login.fault !== null) return login.fault
      const result = await this.#http.call(recipe[operation], values, login.headers, signal)
      const denied = !result.ok && result.status === 401
      if (!denied || recipe.login === undefined || round > 0) return result
      // The receiver may have forgotten the token before its time.
      this.#token = null
    }
  }

  async #authorization(): Promise<Authorization> {
    const { login } = this.#options.recipe
    if (login === undefined) return { fault: null, headers: {} }
    if (this.#token === null || this.#options.nowMs() >= this.#token.untilMs) {
      this.#login ??= this.#logIn().finally(() => {
        this.#login = null
      })
      const result = await this.#login
      if (!result.ok) return { fault: result }
    }
    const values: Values = { ...this.#values('apply', null), token: this.#token?.value ?? null }
    try {
      const headers = Object.entries(login.send).map(([name, value]) => [name, headerValue(fill(value, values))])
      return { fault: null, headers: Object.fromEntries(headers) as Record<string, string> }
    } catch (error) {
      if (!(error instanceof TemplateFault)) throw error
      return { fault: loginFault('the token is no header value') }
    }
  }

  async #logIn(): Promise<CallResult> {
    const login = this.#options.recipe.login!
    const { token, valid_seconds: validSeconds, send: _, ...request } = login
    const begunMs = this.#options.nowMs()
    const result = await this.#http.call(request, this.#values('apply', null), {}, null)
    // Nothing was asked for yet: whatever went wrong, the action was not carried out.
    if (!result.ok) return { ...result, error: `login: ${result.error}`, uncertain: false }
    const found = at(result.answer, token)
    if (typeof found !== 'string' || found === '') return loginFault(`login: no token at ${token}`)
    this.#token = { value: found, untilMs: begunMs + validSeconds * 1000 }
    return result
  }

  #values(operation: 'apply' | 'revert', action: ConnectorRequest['action'] | null): Values {
    const { nowMs, params, secrets } = this.#options
    return { action, operation, nowMs: nowMs(), params, secrets, token: null }
  }

  /** The failure as people may read it: what a receiver says can hold anything, also what it was sent. */
  #told({ error, retry, uncertain, retryAfterMs }: CallFault): ConnectorResult {
    let said = error
    for (const secret of [...Object.values(this.#options.secrets), this.#token?.value ?? '']) {
      if (secret !== '') said = said.replaceAll(secret, 'redacted')
    }
    return { ok: false, retry, uncertain, retryAfterMs, error: `${this.name}: ${escapeTerminal(said)}` }
  }
}

function loginFault(error: string): CallFault {
  return { ok: false, error, status: null, retry: true, uncertain: false, retryAfterMs: 0 }
}
