import type { Message } from '../http/exchange.ts'
import type { CallerReader } from './caller-reader.ts'
import type { ExchangeMaterial } from './exchange-material.ts'
import {
  type LoginAttempt,
  loginInBody,
  MAX_LOGIN_BODY,
  MAX_TOKENS,
  refusedAuthorization,
  type SecretHasher,
  tokensInAnswer,
} from './login-attempt.ts'
import type { Pseudonyms } from './pseudonym.ts'
import type { TransactionRecord } from './record.ts'
import { grantInBody, type TokenGrant } from './token-grant.ts'

const NONE: readonly never[] = []

/** What an exchange says of logins: an attempt, whether it was granted, and the tokens that it was answered with. */
export class ExchangeLogins {
  readonly #pseudonyms: Pseudonyms
  readonly #hasher: SecretHasher
  readonly #callers: CallerReader

  constructor(pseudonyms: Pseudonyms, hasher: SecretHasher, callers: CallerReader) {
    this.#pseudonyms = pseudonyms
    this.#hasher = hasher
    this.#callers = callers
  }

  /** Fills in login and grant; the tokens that were handed out, as pseudonyms. */
  read(
    record: TransactionRecord,
    request: Message | null,
    response: Message | null,
    material: ExchangeMaterial,
  ): readonly string[] {
    const login = this.#loginOf(record, request, material)
    record.login = login
    const { status } = record
    if (request === null || response === null || status === null) return NONE
    if (login !== null) {
      if (login.account === null || status >= 400) return NONE
      const html = response.head.header('content-type')?.toLowerCase().includes('html') === true
      record.loginGranted = !record.sentToLogin && !(html && status < 300)
      return record.loginGranted ? this.#answeredTokens(response, material) : NONE
    }
    const grant = status < 300 ? this.#grantOf(record.method, request, material) : null
    if (grant === null) return NONE
    const tokens = this.#answeredTokens(response, material)
    if (tokens.length > 0) record.grant = grant
    return tokens
  }

  #loginOf(record: TransactionRecord, request: Message | null, material: ExchangeMaterial): LoginAttempt | null {
    if (request === null) return null
    const { head } = request
    if (mayLogIn(record.method, request)) {
      const contentType = head.header('content-type')
      const { text } = material.rawRequest()
      const attempt = text === '' ? null : loginInBody(text, contentType, this.#pseudonyms, this.#hasher)
      if (attempt !== null) return attempt
    }
    if (record.status !== 401) return null
    const authorization = head.header('authorization')
    if (authorization !== null) {
      return refusedAuthorization(authorization, this.#callers.credentials.basicAccount(authorization), this.#hasher)
    }
    const { header, value } = this.#callers.apiKeyOf(head)
    return value === null ? null : { field: `header:${header}`, account: null, secret: this.#hasher.hash(value) }
  }

  #grantOf(method: string | null, request: Message, material: ExchangeMaterial): TokenGrant | null {
    if (!mayLogIn(method, request)) return null
    return grantInBody(material.rawRequest().text, request.head.header('content-type'), this.#pseudonyms, false)
  }

  #answeredTokens(response: Message, material: ExchangeMaterial): string[] {
    if (response.body === null || response.body.length > MAX_LOGIN_BODY) return []
    return tokensInAnswer(material.rawResponse().text)
      .slice(0, MAX_TOKENS)
      .map((token) => this.#pseudonyms.secret(token))
  }
}

/** Bodies of login forms are small, and JSON or forms. */
function mayLogIn(method: string | null, request: Message): boolean {
  return (
    request.body !== null &&
    request.body.length > 0 &&
    request.body.length <= MAX_LOGIN_BODY &&
    !request.gap &&
    method !== 'GET' &&
    method !== 'HEAD'
  )
}
