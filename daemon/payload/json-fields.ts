/** Deeper values are not told apart from their parents. */
const MAX_DEPTH = 32
const MAX_NAME = 256

/**
 * Strings and numbers of JSON, also of JSON that is cut off or broken, each with its pointer (RFC 6901, indexes as `[]`). One pass, a
 * bounded stack. `take` says whether to go on.
 */
export function jsonFields(text: string, take: (pointer: string, key: string, value: string) => boolean): void {
  const path: string[] = []
  /** For each open bracket: whether it is an array's. */
  const arrays: boolean[] = []
  let key = ''
  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      const end = stringEnd(text, at)
      const value = plain(text.slice(at + 1, end))
      at = end + 1
      let after = at
      while (after < text.length && text.charCodeAt(after) <= 0x20) after++
      if (text.charCodeAt(after) === 0x3a) {
        key = value.slice(0, MAX_NAME)
        at = after + 1
        // A name is chosen by the caller like a value is.
        continue
      }
      if (!take(pointer(path, arrays, key), key, value)) return
    } else if (code === 0x7b || code === 0x5b) {
      if (path.length < MAX_DEPTH) {
        path.push(arrays.at(-1) === true ? '[]' : key)
        arrays.push(code === 0x5b)
      }
      key = ''
      at++
    } else if (code === 0x7d || code === 0x5d) {
      path.pop()
      arrays.pop()
      key = ''
      at++
    } else if (code <= 0x20 || code === 0x2c || code === 0x3a) {
      at++
    } else {
      const start = at
      while (at < text.length && !ENDS_BARE[text.charCodeAt(at) & 0x7f]) at++
      if (at === start) at++
      if (!take(pointer(path, arrays, key), key, text.slice(start, at))) return
    }
  }
}

const ENDS_BARE = new Uint8Array(128)
for (const end of ',:{}[]"') ENDS_BARE[end.charCodeAt(0)] = 1
for (let code = 0; code <= 0x20; code++) ENDS_BARE[code] = 1

function pointer(path: readonly string[], arrays: readonly boolean[], key: string): string {
  // The outermost bracket has no name.
  const names = path.slice(1)
  names.push(arrays.at(-1) === true ? '[]' : key)
  return `/${names.join('/')}`
}

function stringEnd(text: string, from: number): number {
  let at = from + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 0x22) return at
    at += code === 0x5c ? 2 : 1
  }
  return text.length
}

const ESCAPE = /\\(["\\/bfnrt]|u[0-9a-fA-F]{4})/g
const SHORT: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

function plain(inner: string): string {
  if (!inner.includes('\\')) return inner
  return inner.replace(ESCAPE, (_, escaped: string) =>
    escaped[0] === 'u' ? String.fromCharCode(Number.parseInt(escaped.slice(1), 16)) : (SHORT[escaped] ?? escaped),
  )
}
