/** A piece of ClickHouse SQL. Comments and white space are no tokens. */
export interface SqlToken {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'placeholder' | 'sign'
  /** Of a quoted identifier the name without its quotes; else as written. */
  readonly text: string
  /** First byte after it, in UTF-16 units. */
  readonly end: number
}

/** Where reading stopped making sense. */
export class NotUnderstood extends Error {}

const SPACE = /[ \t\r\n]+/y
const LINE_COMMENT = /--[^\n]*(?:\n|$)/y
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y
// Nothing that could belong to it stands after a number: `1.INTO` may be read in two ways.
const NUMBER = /(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)(?![\w$.])/y
const PLACEHOLDER = /\{[ \t]{0,8}([A-Za-z_]\w{0,63})[ \t]{0,8}:[ \t]{0,8}([A-Za-z][\w(),' \t]{0,200})\}/y
const HEREDOC = /\$([A-Za-z0-9_]*)\$/y
const SIGNS = new Set('()[],;.:?+-*/%=<>!|')

/**
 * Reads SQL as ClickHouse's lexer does, as far as the two surely agree: strings and quoted names with backslash escapes and doubled
 * quotes, `--` and C comments, heredocs, `{name:Type}` placeholders. The rest (`#` comments, backslashes, dollars inside
 * words, typographic quotes, other characters beyond ASCII outside of strings) is NotUnderstood, never guessed.
 */
export function sqlTokens(sql: string): SqlToken[] {
  const tokens: SqlToken[] = []
  let at = 0
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at
    return pattern.exec(sql)
  }
  while (at < sql.length) {
    const first = sql[at]!
    const skipped = match(SPACE) ?? match(LINE_COMMENT)
    if (skipped !== null) {
      at += skipped[0].length
      continue
    }
    if (sql.startsWith('/*', at)) {
      at = endOfComment(sql, at)
      continue
    }
    let kind: SqlToken['kind']
    let end: number
    let text: string | null = null
    if (first === "'") {
      kind = 'string'
      end = endOfQuoted(sql, at)
    } else if (first === '"' || first === '`') {
      kind = 'quoted'
      end = endOfQuoted(sql, at)
      text = sql.slice(at + 1, end - 1)
      if (text.includes('\\') || text.includes(first)) throw new NotUnderstood('an escape in a quoted name')
    } else if (first === '$') {
      kind = 'string'
      end = endOfHeredoc(sql, at, match(HEREDOC)?.[0])
    } else if (first === '{') {
      const placeholder = match(PLACEHOLDER)
      if (placeholder === null) throw new NotUnderstood('a brace that begins no {name:Type}')
      if (/identifier/i.test(placeholder[2]!)) throw new NotUnderstood('a parameter that names a table or column')
      kind = 'placeholder'
      end = at + placeholder[0].length
    } else {
      const word = match(WORD)
      const number = word === null ? match(NUMBER) : null
      if (word !== null) {
        kind = 'word'
        end = at + word[0].length
        if (sql[end] === '$') throw new NotUnderstood('a dollar in a name')
      } else if (number !== null) {
        kind = 'number'
        end = at + number[0].length
      } else if (SIGNS.has(first)) {
        kind = 'sign'
        end = at + 1
      } else {
        throw new NotUnderstood(`the character ${JSON.stringify(first)} outside of a string`)
      }
    }
    tokens.push({ kind, text: text ?? sql.slice(at, end), end })
    at = end
  }
  return tokens
}

function endOfQuoted(sql: string, start: number): number {
  const quote = sql[start]!
  for (let at = start + 1; at < sql.length; at++) {
    if (sql[at] === '\\') at++
    else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return at + 1
      at++
    }
  }
  throw new NotUnderstood('a quote that is not closed')
}

function endOfHeredoc(sql: string, start: number, tag: string | undefined): number {
  const end = tag === undefined ? -1 : sql.indexOf(tag, start + tag.length)
  if (end < 0) throw new NotUnderstood('a dollar sign that begins no heredoc')
  return end + tag!.length
}

/** Whether comments nest is not the same everywhere: one within another is refused. */
function endOfComment(sql: string, start: number): number {
  const end = sql.indexOf('*/', start + 2)
  if (end < 0 || sql.slice(start + 2, end).includes('/*')) throw new NotUnderstood('a comment within a comment')
  return end + 2
}
