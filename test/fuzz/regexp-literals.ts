/** A regular expression as it stands in source text. */
export interface RegExpLiteral {
  readonly source: string
  readonly flags: string
  readonly line: number
}

const IDENTIFIER = /[\w$]/
/** Words after which an expression begins; after any other word a slash divides. */
const BEFORE_EXPRESSION = new Set(
  'return typeof case in of delete void throw new else do await yield instanceof'.split(' '),
)

/**
 * The regular expression literals of TypeScript source, found by walking its tokens: a slash begins one where an
 * expression may begin. Enough of the grammar for formatted code; what it takes for a literal must compile.
 */
export function regExpLiterals(text: string): RegExpLiteral[] {
  const found: RegExpLiteral[] = []
  /** The last token: a word, or one character. */
  let last = ''
  /** Open braces, and where among them template text goes on. */
  const braces: ('code' | 'template')[] = []
  let i = 0
  const skipTemplate = (): void => {
    while (i < text.length) {
      if (text[i] === '\\') i += 2
      else if (text[i] === '`') {
        i++
        last = '`'
        return
      } else if (text.startsWith('${', i)) {
        i += 2
        braces.push('template')
        last = '{'
        return
      } else i++
    }
  }
  while (i < text.length) {
    const c = text[i]!
    if (c === ' ' || c === '\n' || c === '\t') i++
    else if (text.startsWith('//', i)) i = endOf(text, '\n', i)
    else if (text.startsWith('/*', i)) i = endOf(text, '*/', i)
    else if (c === "'" || c === '"') {
      for (i++; i < text.length && text[i] !== c; i++) if (text[i] === '\\') i++
      i++
      last = c
    } else if (c === '`') {
      i++
      skipTemplate()
    } else if (c === '/' && mayBegin(last)) {
      const from = i
      for (let inClass = false; i++ < text.length && (inClass || text[i] !== '/'); ) {
        if (text[i] === '\\') i++
        else if (text[i] === '[') inClass = true
        else if (text[i] === ']') inClass = false
      }
      const source = text.slice(from + 1, i++)
      const flagsFrom = i
      while (i < text.length && IDENTIFIER.test(text[i]!)) i++
      found.push({ source, flags: text.slice(flagsFrom, i), line: text.slice(0, from).split('\n').length })
      last = ')'
    } else if (IDENTIFIER.test(c)) {
      const from = i
      while (i < text.length && IDENTIFIER.test(text[i]!)) i++
      last = last === '.' ? 'member' : text.slice(from, i)
    } else if (c === '!' && text[i + 1] !== '=' && !mayBegin(last)) {
      i++ // after an expression it asserts: what follows still divides
    } else {
      i++
      last = c
      if (c === '{') braces.push('code')
      else if (c === '}' && braces.pop() === 'template') skipTemplate()
    }
  }
  return found
}

function endOf(text: string, end: string, from: number): number {
  const at = text.indexOf(end, from)
  return at < 0 ? text.length : at + end.length
}

function mayBegin(last: string): boolean {
  if (IDENTIFIER.test(last)) return BEFORE_EXPRESSION.has(last)
  return ![')', ']', '}', "'", '"', '`'].includes(last)
}
