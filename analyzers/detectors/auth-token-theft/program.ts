import type { Transaction } from '../../../daemon/model/transaction.ts'
import { hashText } from '../../baselines/lookup-hash.ts'

/** What a request shows of the program that made it. */
export interface Shown {
  /** The credential it was made with, as a hash of its pseudonym; 0 where none can be told. */
  readonly token: number
  /** The user agent without its versions. */
  readonly program: number
  readonly agent: string
}

const MAX_AGENT = 200
/** Cookies whose value is a credential, by name. */
const SESSION = /sess|sid|auth|token|jwt|login/i

/** Makes the list of headers: only for the few requests that are worth it. */
export function shownBy(tx: Transaction): Shown {
  let authorization = ''
  let cookie = ''
  let agent = ''
  for (const [name, value] of tx.requestHeaders) {
    switch (name.toLowerCase()) {
      case 'authorization':
        authorization = value
        break
      case 'cookie':
        cookie = value
        break
      case 'user-agent':
        agent = value.slice(0, MAX_AGENT)
    }
  }
  const credential = authorization === '' ? sessionOf(cookie) : authorization
  return { token: credential === '' ? 0 : hashText(credential), program: hashText(familyOf(agent)), agent }
}

/** A program that was updated is the same program: its numbers do not count. */
function familyOf(agent: string): string {
  return agent.replace(/[\d._]+/g, '')
}

function sessionOf(cookie: string): string {
  for (const pair of cookie.split(';', 32)) {
    const equals = pair.indexOf('=')
    if (equals > 0 && SESSION.test(pair.slice(0, equals))) return pair.slice(equals + 1)
  }
  return ''
}
