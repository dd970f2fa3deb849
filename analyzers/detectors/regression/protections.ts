import type { Transaction } from '../../../daemon/model/transaction.ts'
import { isAuthenticated } from '../../baselines/principal-key.ts'

/** What guards a service, as its answers show it. `null`: this answer says nothing of it. */
export interface Protection {
  /** `security headers: content-security-policy`. */
  readonly name: string
  /** How it reads when it is gone. */
  readonly gone: string
  holds(answer: Answer): boolean | null
}

/** An answer with its headers by lower-case name; the values of one that comes several times in order. */
export interface Answer {
  readonly tx: Transaction
  readonly status: number
  readonly headers: ReadonlyMap<string, readonly string[]>
}

export function answerOf(tx: Transaction, status: number): Answer {
  const headers = new Map<string, string[]>()
  for (const [name, value] of tx.responseHeaders) {
    const key = name.toLowerCase()
    const values = headers.get(key)
    if (values === undefined) headers.set(key, [value])
    else values.push(value)
  }
  return { tx, status, headers }
}

const present = (header: string): Protection => ({
  name: header,
  gone: `answers have no ${header} any more`,
  holds: ({ status, headers }) => (status >= 200 && status < 300 ? headers.has(header) : null),
})

const cookieFlag = (flag: string): Protection => ({
  name: `cookies ${flag}`,
  gone: `cookies are set without ${flag}`,
  holds: ({ headers }) => {
    const cookies = headers.get('set-cookie')
    if (cookies === undefined) return null
    return cookies.every((cookie) => cookie.split(';').some((part) => part.trim().toLowerCase() === flag.toLowerCase()))
  },
})

/** Index in this list is how a snapshot names them: new ones go to the end. */
export const PROTECTIONS: readonly Protection[] = [
  present('strict-transport-security'),
  present('content-security-policy'),
  present('x-content-type-options'),
  present('x-frame-options'),
  cookieFlag('Secure'),
  cookieFlag('HttpOnly'),
  {
    name: 'cors',
    gone: 'any web page may read its answers (access-control-allow-origin: *)',
    holds: ({ headers }) => {
      const origin = headers.get('access-control-allow-origin')?.[0]
      return origin === undefined ? null : origin.trim() !== '*'
    },
  },
  {
    name: 'no-store for signed-in callers',
    gone: 'what signed-in callers are given may be kept by caches (cache-control)',
    holds: ({ tx, status, headers }) => {
      if (status < 200 || status >= 300 || !isAuthenticated(tx.principal)) return null
      return /(?:^|[\s,])(?:no-store|private)(?:$|[\s,;=])/i.test(
        headers.get('cache-control')?.[0]?.slice(0, 200) ?? '',
      )
    },
  },
]
