/**
 * A value read as SQL, the way the dialects in use agree on (ISO/IEC 9075, MySQL, PostgreSQL, SQL Server, Oracle, SQLite). Each token is one letter:
 *
 *     n number   s string   v variable   f known function   w other word   t true, false, null
 *     E verb (select, drop …)   U union   B clause (from, where …)   k other keyword
 *     & and, or   o operator, also like, in, is   ( ) , ;   c comment   ! comment that MySQL runs
 */
export interface SqlTokens {
  /** A letter for each token; at most MAX_TOKENS. */
  readonly types: string
  readonly texts: readonly string[]
}

export const MAX_TOKENS = 64

/** Where the value is taken to stand in the statement: in the open, or inside a string that it may end. */
export type SqlContext = '' | "'" | '"'

export function sqlTokens(text: string, context: SqlContext): SqlTokens {
  const types: string[] = []
  const texts: string[] = []
  let at = 0
  if (context !== '') {
    at = stringEnd(text, 0, context)
    // Nothing ends the string: the value is data.
    if (at < 0) return { types: 's', texts: [text] }
    types.push('s')
    texts.push(text.slice(0, at))
  }
  while (at < text.length && types.length < MAX_TOKENS) {
    const c = text[at]!
    if (c <= ' ' || c === '\u00a0') {
      at++
      continue
    }
    const end = tokenEnd(text, at, c)
    const token = text.slice(at, end)
    types.push(typeOf(token, c, text, end))
    texts.push(token)
    at = end
  }
  return { types: types.join(''), texts }
}

/** After the quote that ends the string begun before `from`; -1 if it is not ended. Doubled and escaped quotes are text. */
function stringEnd(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    const c = text[at]
    if (c === '\\') at++
    else if (c === quote) {
      if (text[at + 1] !== quote) return at + 1
      at++
    }
  }
  return -1
}

const WORD = /[A-Za-z0-9_$\u0080-\uffff]/
const NUMBER = /^(?:0x[0-9a-f]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+)$/i
const TWO_CHARACTERS = new Set(['<=', '>=', '<>', '!=', '||', '&&', ':=', '<<', '>>', '!<', '!>', '==', '::'])

function tokenEnd(text: string, at: number, c: string): number {
  const next = text[at + 1] ?? ''
  if (c === "'" || c === '"') {
    const end = stringEnd(text, at + 1, c)
    return end < 0 ? text.length : end
  }
  if (c === '`' || c === '[') {
    const end = text.indexOf(c === '[' ? ']' : '`', at + 1)
    return end < 0 ? at + 1 : end + 1
  }
  if ((c === '-' && next === '-') || c === '#') {
    const end = text.indexOf('\n', at)
    return end < 0 ? text.length : end
  }
  if (c === '/' && next === '*') {
    // What MySQL runs is not over with its opening.
    if (text[at + 2] === '!') return at + 3 + digits(text, at + 3)
    const end = text.indexOf('*/', at + 2)
    return end < 0 ? text.length : end + 2
  }
  if (c === '@') {
    let end = at + 1
    while (text[end] === '@' || (end < text.length && WORD.test(text[end]!))) end++
    return end
  }
  if (WORD.test(c) || (c === '.' && WORD.test(next))) {
    let end = at + 1
    while (end < text.length && (WORD.test(text[end]!) || text[end] === '.')) end++
    // `1e5`, and `1or` which some dialects read as two.
    if (c >= '0' && c <= '9' && !NUMBER.test(text.slice(at, end))) {
      const number = digits(text, at)
      return text[at + number] === '.' ? end : at + number
    }
    return end
  }
  return TWO_CHARACTERS.has(c + next) ? at + 2 : at + 1
}

function digits(text: string, from: number): number {
  let at = from
  while (text[at] !== undefined && text[at]! >= '0' && text[at]! <= '9') at++
  return at - from
}

function typeOf(token: string, c: string, text: string, end: number): string {
  if (c === "'" || c === '"') return 's'
  if (c === '`' || c === '[') return token.length > 1 ? 'w' : 'x'
  if (token.startsWith('--') || c === '#') return 'c'
  if (token.startsWith('/*')) return token[2] === '!' ? '!' : 'c'
  if (c === '@') return token.length > 1 ? 'v' : 'x'
  if (c === '(' || c === ')' || c === ',' || c === ';') return c
  if (NUMBER.test(token)) return 'n'
  if (WORD.test(c) || c === '.') return wordType(token.toLowerCase(), text, end)
  if (token === '&&' || token === '||') return '&'
  return '=<>!+-*/%|&^~:'.includes(c) ? 'o' : 'x'
}

function wordType(word: string, text: string, end: number): string {
  const known = WORDS.get(word)
  if (known !== undefined && known !== 'f') return known
  let at = end
  while (at < text.length && text[at]! <= ' ') at++
  if (known === 'f') return text[at] === '(' || BARE_FUNCTIONS.has(word) ? 'f' : 'w'
  return 'w'
}

/** Some are called without brackets. */
const BARE_FUNCTIONS = new Set([
  'current_user',
  'session_user',
  'system_user',
  'sysdate',
  'xp_cmdshell',
  'sp_executesql',
])

const WORDS = new Map<string, string>()
function words(type: string, list: string): void {
  for (const word of list.split(' ')) WORDS.set(word, type)
}
words(
  'E',
  'select insert update delete drop create alter truncate exec execute declare merge replace call grant revoke shutdown waitfor load handler rename',
)
words('U', 'union except intersect minus')
words('B', 'from where having limit offset into values set table group order procedure returning outfile dumpfile')
words('&', 'and or xor not')
words('o', 'like rlike regexp in is between div mod sounds glob ilike similar binary escape')
words('t', 'true false null unknown')
words(
  'k',
  'all distinct as by case when then else end if delay time database schema index view user function trigger on join inner left right full outer cross natural using exists any some asc desc top percent with rollup begin commit rollback print lines terminated for xml path collate over partition',
)
words(
  'f',
  'sleep benchmark pg_sleep pg_sleep_for randomblob version database schema user current_user session_user system_user sysdate extractvalue updatexml load_file load_extension concat concat_ws group_concat ' +
    'string_agg char chr nchar ascii ord hex unhex substring substr mid left right length len char_length count sum min max avg cast convert coalesce ifnull isnull nullif if iif elt field make_set ' +
    'lower upper ltrim rtrim trim reverse replace instr locate position strcmp rand floor ceil round row_count found_rows last_insert_id connection_id uuid md5 sha1 sha2 encode decode ' +
    'xmltype utl_inaddr.get_host_name utl_inaddr.get_host_address utl_http.request dbms_pipe.receive_message dbms_lock.sleep dbms_xmlgen.getxml ctxsys.drithsx.sn httpuritype xp_cmdshell xp_dirtree ' +
    'sp_executesql sp_oacreate openrowset opendatasource master..xp_cmdshell master.dbo.xp_cmdshell exec db_name object_id object_name col_name host_name suser_name serverproperty pg_read_file ' +
    'pg_ls_dir lo_import query_to_xml current_setting current_database sqlite_version json_keys gtid_subset name_const polygon multipoint geometrycollection exp row bin_to_num likelihood quote printf unicode zeroblob typeof',
)
