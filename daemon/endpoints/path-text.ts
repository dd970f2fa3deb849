import { extensionOf } from './word-shape.ts'

const OPEN_BRACE = 0x7b

/** Whether a segment of a template stands for values: `{id}`, `{date2}`, `{id}.png`. */
export function isVariable(segment: string): boolean {
  return segment.charCodeAt(0) === OPEN_BRACE
}

/** Without its extension. */
export function bare(segment: string): string {
  return segment.slice(0, segment.length - extensionOf(segment).length)
}

/** `{id2}.json` as `{id}.json`. */
export function unnumbered(segment: string): string {
  return segment.replace(/^\{([a-z]+)\d+\}/, '{$1}')
}

/** Segments as a template, its variable ones numbered anew by kind. */
export function numbered(segments: readonly string[]): string {
  let ids = 0
  let dates = 0
  let template = ''
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i]!
    template += '/'
    const close = isVariable(segment) ? segment.indexOf('}') : -1
    if (close < 0) template += segment
    else if (segment.startsWith('{date')) template += `{date${++dates === 1 ? '' : dates}}${segment.slice(close + 1)}`
    else if (segment.startsWith('{id')) template += `{id${++ids === 1 ? '' : ids}}${segment.slice(close + 1)}`
    else template += segment
  }
  return template
}
