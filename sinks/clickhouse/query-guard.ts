import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { NotUnderstood, type SqlToken, sqlTokens } from './sql-tokens.ts'

const MAX_LENGTH = 100_000

/** Clauses that write files, choose formats or change settings, wherever they stand. */
const REFUSED_WORDS = new Set(['INTO', 'OUTFILE', 'INFILE', 'FORMAT', 'SETTINGS', 'PARALLEL', 'INSERT', 'IDENTIFIER'])

/** Functions that may stand where a table does: they make rows out of nothing. */
const TABLE_FUNCTIONS = new Set(['numbers', 'zeros', 'values', 'generate_series', 'generateseries'])

/**
 * Functions that reach out of the database (files, hosts, dictionaries, models), run SQL or code, or write. By family, since
 * each release adds some.
 */
const REFUSED_FUNCTIONS = [
  /^(file|url|s3|gcs|oss|cosn|hdfs|azure|iceberg|deltalake|hudi|paimon|remote|cluster|mysql|postgresql|mongodb|sqlite)/,
  /^(redis|odbc|jdbc|hive|ytsaurus|kafka|nats|rabbitmq|arrowstream|arrowflight|prometheus|timeseries|python)/,
  /^(executable|eval|loop|merge|input|view|dictionary|dictget|dicthas|dictisin|joinget|format$|fuzz|generaterandom)/,
  /^(ai[a-z]*(classify|embed|extract|generate|translate)|naivebayes|catboost|sleep|showcertificate|reversedns|logtrace)/,
  /^(hascolumnintable|generateserialid|zookeeper|getclienthttpheader|getserver|getmacro|addressto|demangle|trap|meili)/,
  /^(fqdn|fullhostname|hostname|tcpport|serveruuid|region(in|to|hierarchy)|initializeaggregation|evalmlmethod)/,
]

/** What may be read of the server's own tables. */
const SYSTEM_TABLES = new Set(['tables', 'columns', 'parts', 'one', 'numbers'])

/** Words that end the tables of a FROM. Not ON and USING: after their expressions a comma may bring a further table. */
const AFTER_TABLES = new Set(
  'SELECT WHERE PREWHERE GROUP ORDER LIMIT OFFSET HAVING WINDOW QUALIFY UNION EXCEPT INTERSECT WITH'.split(' '),
)

/** Words after which SELECT, WITH or a parenthesis must follow. */
const EXPLAINED = new Set(['AST', 'SYNTAX', 'PLAN', 'PIPELINE', 'ESTIMATE'])

/**
 * Lets a question through when it is surely one statement that only reads this database's tables; returns it without its final semicolon. In doubt
 * it is refused: readonly = 1 alone still lets the embedded engine write a file (INTO OUTFILE) and read any.
 */
export function checkQuery(sql: string, database: string): string {
  if (sql.length > MAX_LENGTH) throw refused('it is longer than 100,000 characters', 'shorten it')
  let tokens: SqlToken[]
  try {
    tokens = sqlTokens(sql)
  } catch (error) {
    if (!(error instanceof NotUnderstood)) throw error
    throw refused(`it has ${error.message}`, 'write it plainly, in ASCII outside of strings')
  }
  while (tokens.at(-1)?.text === ';') tokens.pop()
  const last = tokens.at(-1)
  if (last === undefined) throw refused('it is empty', 'for example: SELECT count() FROM transactions')
  if (tokens.some(({ kind, text }) => kind === 'sign' && text === ';')) {
    throw refused('it has several statements', 'ask one question at a time')
  }
  new Guard(tokens, database).check()
  return sql.slice(0, last.end).trim()
}

class Guard {
  readonly #tokens: readonly SqlToken[]
  readonly #database: string

  constructor(tokens: readonly SqlToken[], database: string) {
    this.#tokens = tokens
    this.#database = database
  }

  check(): void {
    this.#opening()
    /** For each open parenthesis: whether a comma in it comes before a further table. */
    const tables: boolean[] = [false]
    for (let at = 0; at < this.#tokens.length; at++) {
      const { kind, text } = this.#tokens[at]!
      const word = this.#keyword(at)
      if (word !== null && REFUSED_WORDS.has(word)) {
        throw refused(
          `${word} is not allowed`,
          'rows come as the command asks (-o); a column of that name goes in quotes',
        )
      }
      if (kind === 'sign') {
        if (text === '(' || text === '[') tables.push(false)
        if (text === ')' || text === ']') tables.pop()
        if (tables.length === 0) throw refused('a parenthesis closes nothing', 'check the parentheses')
        if (text === ',' && tables.at(-1) === true) this.#table(at + 1)
        continue
      }
      if (word === 'FROM' || (word === 'JOIN' && !this.#arrayJoin(at))) {
        tables[tables.length - 1] = true
        this.#table(at + 1)
      } else if (word === 'JOIN' || (word !== null && AFTER_TABLES.has(word))) tables[tables.length - 1] = false
      if (word === 'IN') this.#set(at + 1)
      if (kind === 'word' || kind === 'quoted') this.#name(at)
    }
  }

  /** SELECT, WITH, EXPLAIN of those, DESCRIBE TABLE and SHOW TABLES. */
  #opening(): void {
    let at = 0
    const first = this.#keyword(0)
    if (first === 'DESCRIBE' || first === 'DESC') {
      at = this.#keyword(1) === 'TABLE' ? 2 : 1
      this.#table(at)
      const length = this.#text(at + 1) === '.' ? 3 : 1
      const kind = this.#tokens[at]?.kind
      if ((kind === 'word' || kind === 'quoted') && this.#tokens.length === at + length) return
      throw refused('DESCRIBE takes the name of a table', 'DESCRIBE TABLE transactions')
    }
    if (first === 'SHOW') {
      if (this.#keyword(1) === 'TABLES' && this.#tokens.length === 2) return
      throw refused('of SHOW there is only SHOW TABLES', 'SHOW TABLES')
    }
    if (first === 'EXPLAIN') {
      at = 1
      if (this.#keyword(at) === 'QUERY' && this.#keyword(at + 1) === 'TREE') at += 2
      else if (EXPLAINED.has(this.#keyword(at) ?? '')) at++
    }
    while (this.#text(at) === '(' && this.#tokens[at]?.kind === 'sign') at++
    const begin = this.#keyword(at)
    if (begin === 'SELECT' || begin === 'WITH') return
    throw refused('it is no SELECT', 'only SELECT, WITH … SELECT, EXPLAIN, DESCRIBE TABLE and SHOW TABLES are run')
  }

  /** Of ARRAY JOIN come expressions; a table under the alias ARRAY is no ARRAY JOIN. */
  #arrayJoin(at: number): boolean {
    if (this.#keyword(at - 1) !== 'ARRAY') return false
    if (this.#keyword(at - 2) === 'AS') throw refused('an alias is named ARRAY', 'choose another name')
    return true
  }

  /** What stands where a table does. */
  #table(at: number): void {
    const token = this.#tokens[at]
    if (token === undefined) return
    if (token.kind === 'sign' && token.text === '(') {
      let inner = at
      while (this.#text(inner) === '(') inner++
      const word = this.#keyword(inner)
      if (word === 'SELECT' || word === 'WITH') return
      throw refused('a parenthesis after FROM holds no SELECT', 'name the tables without parentheses')
    }
    if (token.kind !== 'word' && token.kind !== 'quoted') {
      throw refused(`${token.text} is no name of a table`, 'SHOW TABLES lists the tables')
    }
    if (token.kind === 'quoted' && !/^\w+$/.test(token.text)) {
      throw refused(`"${token.text}" is no name of a table`, 'SHOW TABLES lists the tables')
    }
    if (this.#text(at + 1) === '(' && !TABLE_FUNCTIONS.has(token.text.toLowerCase())) {
      throw refused(`the table function ${token.text} is not allowed`, 'only the tables of this database can be read')
    }
    if (this.#text(at + 1) === '.') this.#ours(token.text)
  }

  /** After IN: a list or a subquery in parentheses, a table, or a value. */
  #set(at: number): void {
    const inner = this.#text(at) === '(' ? at + 1 : at
    const token = this.#tokens[inner]
    if (token === undefined || (token.kind !== 'word' && token.kind !== 'quoted')) return
    const close = inner > at ? 1 : 0
    if (this.#text(inner + 1) === '.' && (close === 0 || this.#text(inner + 3) === ')')) this.#ours(token.text)
    if (close === 0 && token.kind === 'quoted') this.#table(inner)
  }

  #ours(name: string): void {
    const lower = name.toLowerCase()
    if (name === this.#database || lower === 'system') return
    throw refused(`the database ${name} is not Offpath's`, 'only the tables of this database can be read')
  }

  /** A name anywhere: as a function, or as the first half of `system.x`. */
  #name(at: number): void {
    const { text } = this.#tokens[at]!
    const lower = text.toLowerCase()
    if (this.#text(at + 1) === '(' && REFUSED_FUNCTIONS.some((pattern) => pattern.test(lower))) {
      throw refused(`the function ${text} is not allowed`, 'files, hosts and dictionaries are out of reach')
    }
    if (this.#text(at + 1) !== '.') return
    if (lower === 'information_schema')
      throw refused('information_schema is not allowed', 'SHOW TABLES, DESCRIBE TABLE')
    if (lower !== 'system') return
    const table = this.#tokens[at + 2]?.text ?? ''
    if (SYSTEM_TABLES.has(table) && this.#text(at + 3) !== '.') return
    throw refused(`system.${table} is not allowed`, `of system only ${[...SYSTEM_TABLES].join(', ')} can be read`)
  }

  /** The bare word at `at` in capitals; null for anything else. A word after a dot is a column. */
  #keyword(at: number): string | null {
    const token = this.#tokens[at]
    return token?.kind === 'word' && this.#text(at - 1) !== '.' ? token.text.toUpperCase() : null
  }

  /** Text of an unquoted token, else null. */
  #text(at: number): string | null {
    const token = this.#tokens[at]
    return token === undefined || token.kind === 'quoted' || token.kind === 'string' ? null : token.text
  }
}

function refused(why: string, remedy: string): OffpathError {
  return new OffpathError('OFFPATH_E_QUERY', `the query is refused: ${why}`, { remedy })
}
