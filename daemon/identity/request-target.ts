/** The parts of a request target (RFC 9112 §3.2), as sent. Null: not in the target. */
export interface RequestTarget {
  readonly scheme: string | null
  readonly host: string | null
  readonly path: string | null
  /** Without `?`; '' when absent. */
  readonly query: string
}

const ABSOLUTE = /^([A-Za-z][A-Za-z0-9+.-]{0,31}):\/\/([^/?#]*)/

/** origin-form, absolute-form, authority-form (CONNECT) and asterisk-form. */
export function parseTarget(method: string, target: string): RequestTarget {
  if (method === 'CONNECT') return { scheme: null, host: hostOf(target), path: null, query: '' }
  let scheme: string | null = null
  let host: string | null = null
  let rest = target
  if (target.charCodeAt(0) !== 0x2f) {
    const absolute = ABSOLUTE.exec(target)
    if (absolute !== null) {
      scheme = absolute[1]!.toLowerCase()
      host = hostOf(absolute[2]!)
      rest = target.slice(absolute[0].length)
      // An empty path of an absolute URI is `/` (RFC 9110 §4.2.3).
      if (rest === '' || rest.startsWith('?')) rest = `/${rest}`
    }
  }
  const mark = rest.indexOf('?')
  if (mark < 0) return { scheme, host, path: rest, query: '' }
  return { scheme, host, path: rest.slice(0, mark), query: rest.slice(mark + 1) }
}

/** Without user info, which holds a password where it is used at all. */
function hostOf(authority: string): string {
  return authority.slice(authority.lastIndexOf('@') + 1)
}
