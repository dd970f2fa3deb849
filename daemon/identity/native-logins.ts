import { loginInBody, MAX_TOKENS, type SecretHasher, tokensInAnswer } from './login-attempt.ts'
import type { Pseudonyms } from './pseudonym.ts'
import type { TransactionRecord } from './record.ts'
import { grantInBody } from './token-grant.ts'

/** The bodies of a native record, as they came; undefined where there are none. */
export interface NativeBodies {
  readonly request: string | undefined
  readonly requestType: string | null
  readonly response: string | undefined
  readonly responseType: string | null
}

/** What the bodies of native records say of logins, and of the tokens that they were answered with. */
export class NativeLogins {
  readonly #pseudonyms: Pseudonyms
  readonly #hasher: SecretHasher

  constructor(pseudonyms: Pseudonyms, hasher: SecretHasher) {
    this.#pseudonyms = pseudonyms
    this.#hasher = hasher
  }

  /** A login in a record that is not redacted yet. */
  find(tx: TransactionRecord, bodies: NativeBodies): void {
    const { request, requestType } = bodies
    if (request === undefined || request === '' || !mayAsk(tx)) return
    tx.login = loginInBody(request, requestType, this.#pseudonyms, this.#hasher)
    if (tx.login === null || tx.login.account === null) return
    this.#handOut(tx, bodies, (token) => this.#pseudonyms.secret(token))
  }

  /** What a sensor saw as a login, for whoever has to find out whose session it began. */
  follow(tx: TransactionRecord, bodies: NativeBodies): void {
    if (!tx.marks.some((mark) => mark.kind === 'login' && mark.account !== null)) return
    this.#handOut(tx, bodies, (token) => token)
  }

  /** A token asked for without a password: see Recorder. `kept`: bodies are redacted. */
  followGrant(tx: TransactionRecord, { request, requestType, response }: NativeBodies, kept: boolean): void {
    if (tx.login !== null || tx.status === null || tx.status >= 300) return
    if (request === undefined || response === undefined || !mayAsk(tx)) return
    const grant = grantInBody(request, requestType, this.#pseudonyms, kept)
    if (grant === null) return
    const tokens = tokensInAnswer(response).slice(0, MAX_TOKENS)
    if (tokens.length === 0) return
    tx.grant = grant
    const proofs = tokens.map((token) => (kept ? token : this.#pseudonyms.secret(token)))
    tx.presented = { ...tx.presented, issued: [...tx.presented.issued, ...proofs] }
  }

  #handOut(
    tx: TransactionRecord,
    { response, responseType }: NativeBodies,
    pseudonymOf: (token: string) => string,
  ): void {
    if (tx.status === null || tx.status >= 400) return
    const html = responseType?.toLowerCase().includes('html') === true
    tx.loginGranted = !tx.sentToLogin && !(html && tx.status < 300)
    if (!tx.loginGranted || response === undefined) return
    const issued = [...tx.presented.issued, ...tokensInAnswer(response).slice(0, MAX_TOKENS).map(pseudonymOf)]
    tx.presented = { ...tx.presented, issued }
  }
}

function mayAsk({ method }: TransactionRecord): boolean {
  return method !== 'GET' && method !== 'HEAD'
}
