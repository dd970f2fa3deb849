const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const MAX_DEPTH = 16
const MAX_BODY = 65_536

/** How many records an answer holds, and how many characters were read to say so; 0 of what is no JSON. */
export interface JsonRecords {
  readonly records: number
  readonly seen: number
}

/**
 * The number of elements of the longest list of objects or lists in a JSON text. One pass; no structure is made, so that a text that
 * is cut off gives what it has. Lists deeper than 16 are not looked into.
 */
export function jsonRecords(text: string): JsonRecords {
  const first = text.charCodeAt(0)
  if (first !== OPEN_LIST && first !== OPEN_OBJECT) return { records: 0, seen: 0 }
  const end = Math.min(text.length, MAX_BODY)
  /** By depth: elements of the list that is open there. */
  const counts = new Array<number>(MAX_DEPTH + 1).fill(0)
  const isList = new Array<boolean>(MAX_DEPTH + 1).fill(false)
  let depth = 0
  let most = 0
  for (let at = 0; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      for (at++; at < end && text.charCodeAt(at) !== QUOTE; at++) if (text.charCodeAt(at) === BACKSLASH) at++
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (depth <= MAX_DEPTH && depth > 0 && isList[depth]) {
        counts[depth]!++
        if (counts[depth]! > most) most = counts[depth]!
      }
      depth++
      if (depth <= MAX_DEPTH) {
        counts[depth] = 0
        isList[depth] = code === OPEN_LIST
      }
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
      if (depth > 0) depth--
    } else if (code === COMMA && depth === 0) break
  }
  return { records: most, seen: end }
}
