import { type Evidence, type Field, NO_EVIDENCE, type PayloadCheck, type Unwrapped } from '../payload.ts'
import { MAX_TOKENS, type SqlContext, type SqlTokens, sqlTokens } from './sql-tokens.ts'

/** A shape of tokens, and how much it tells; `broken` ones count only where the value ends a string. */
interface Rule {
  readonly name: string
  readonly shape: RegExp
  readonly logOdds: number
  readonly where: 'anywhere' | 'broken'
  /** Looked for in the lower-case text of the tokens that matched. */
  readonly words?: RegExp
}

/** Shapes over at most 64 letters; what the letters stand for is said in sql-tokens.ts. */
const RULES: readonly Rule[] = [
  { name: 'union', shape: /U[k!]*\(*!?E(?:k*[nsvtf(*!]|o|w+(?:,|B))/, logOdds: 11, where: 'anywhere' },
  { name: 'union', shape: /U[kc!]+\(*!?E/, logOdds: 9, where: 'anywhere', words: /^\w+ (?:all|distinct|\/\*)/ },
  {
    name: 'tautology',
    shape: /^s\)*&+[(!o]*[nsvt](?:\)*o+\(*[nsvtf]|[c;)]+$)|^s\)*&+[(!o]*[nvt]$/,
    logOdds: 10,
    where: 'broken',
  },
  { name: 'tautology', shape: /^s\)*&+\(*s$/, logOdds: 6, where: 'broken' },
  { name: 'tautology', shape: /^[s)]+&+\(*[wf][()]*o+\(*[nsvtf(]/, logOdds: 8, where: 'broken' },
  { name: 'tautology', shape: /^s\)*&+\(*(?:f\(|E|k\(|kE)/, logOdds: 9, where: 'broken' },
  { name: 'tautology', shape: /^[nw][)]*&+[(o]*[nst]\)*o+\(*[nst]/, logOdds: 9, where: 'anywhere' },
  {
    name: 'tautology',
    shape: /(?:^|[nsw)])&[(!]*(?:n\)*o+\(*n|s\)*o+\(*s)/,
    logOdds: 7,
    where: 'anywhere',
    words: /[=<>]|like|between/,
  },
  { name: 'condition', shape: /^[nsw][)]*&+\(*(?:f\(|\(E|kf?\()/, logOdds: 8, where: 'anywhere', words: /\(/ },
  {
    name: 'stacked',
    shape: /;!?E(?:[kB]|w*[vf(]|w+[Bk]|n|s|w(?:;|c|o|,))/,
    logOdds: 10,
    where: 'anywhere',
    words: /^; (?!call|load|replace|grant|rename|merge)/,
  },
  { name: 'stacked', shape: /^[nsw)]*;!?E[kBvf(*]/, logOdds: 7, where: 'anywhere' },
  { name: 'stacked', shape: /;!?E[wf]?/, logOdds: 9, where: 'anywhere', words: /^; (?:exec(?:ute)? \w|shutdown\b)/ },
  { name: 'comment', shape: /^s\)*[;]?c$/, logOdds: 9, where: 'broken' },
  { name: 'comment', shape: /^[ns]\)*[&oB].*c$/, logOdds: 7, where: 'anywhere' },
  { name: 'comment', shape: /^n\)*;?c$/, logOdds: 5, where: 'anywhere', words: /(?:--|\/\*)/ },
  { name: 'executed_comment', shape: /!(?:[EUB&f]|$)?/, logOdds: 8, where: 'anywhere', words: /\/\*!(?:\d| [a-z])/ },
  {
    name: 'subquery',
    shape: /\(E(?:k{0,4}[nsvtf*o(]|w{1,8}[,B])[^B()]{0,40}[B()]/,
    logOdds: 8,
    where: 'anywhere',
    words: /^\( select/,
  },
  { name: 'order_by', shape: /^[ns]\)*Bkn.{0,8}c/, logOdds: 9, where: 'anywhere' },
  {
    name: 'order_by',
    shape: /^s\)*B(?:k[nw]|[nwf])/,
    logOdds: 7,
    where: 'broken',
    words: /(?:order|group) by|having|limit \d|offset \d/,
  },
  { name: 'having', shape: /B\(*[nsw]\)*o\(*[nsw]/, logOdds: 6, where: 'anywhere', words: /having/ },
  { name: 'outfile', shape: /BB\(?[sn]/, logOdds: 10, where: 'anywhere', words: /into (?:outfile|dumpfile)/ },
  { name: 'delay', shape: /Ek[sn]/, logOdds: 11, where: 'anywhere', words: /waitfor (?:delay|time)/ },
  {
    name: 'concatenation',
    shape: /^s[&o]+\(*(?:f\(|\(E|E)/,
    logOdds: 9,
    where: 'broken',
    words: /select|\(/,
  },
  { name: 'concatenation', shape: /^s[&o]+s(?:c|$)/, logOdds: 6, where: 'broken' },
  { name: 'comparison', shape: /^s[o]+\(*[ns]\)*c/, logOdds: 9, where: 'broken' },
  { name: 'comparison', shape: /^s[o]+\(*[nst]/, logOdds: 5, where: 'broken' },
  { name: 'arithmetic', shape: /^[ns]\)*o+\(*(?:f\(|\(E|E)/, logOdds: 8, where: 'anywhere' },
]

/** Functions and names that no user types, whatever stands around them. */
const TELLING: readonly (readonly [string, number, RegExp])[] = [
  [
    'delay',
    10,
    /\b(?:sleep|pg_sleep|pg_sleep_for|benchmark|randomblob|dbms_lock\.sleep|dbms_pipe\.receive_message)\s{0,8}\(\s{0,8}(?:\d|0x|\(|'|md5|sha1|if|chr)/,
  ],
  [
    'error_based',
    10,
    /\b(?:extractvalue|updatexml|xmltype|gtid_subset|name_const|utl_inaddr\.get_host_(?:name|address)|ctxsys\.drithsx\.sn)\s{0,8}\(/,
  ],
  [
    'files',
    9,
    /\b(?:load_file|pg_read_file|lo_import|openrowset|load_extension|utl_http\.request|httpuritype)\s{0,8}\(/,
  ],
  ['commands', 11, /\b(?:xp_cmdshell|xp_dirtree|sp_oacreate|sp_executesql)\b/],
  [
    'schema',
    8,
    /\b(?:information_schema\.\w|sqlite_(?:master|schema)\b|pg_catalog\.|sys\.(?:tables|objects|databases|user\$)|sysobjects\b|all_tables\b|msysaccessobjects|mysql\.user\b|table_schema\b)/,
  ],
  ['variables', 8, /@@(?:version|hostname|datadir|basedir|servername|global\.|session\.)/],
  [
    'extraction',
    8,
    /\b(?:ascii|ord|hex)\s{0,8}\(\s{0,8}(?:substr|substring|mid|lower|select)\b|\b(?:group_concat|concat_ws|string_agg)\s{0,8}\(\s{0,8}(?:0x|table_|column_|user|pass|version|distinct|\()/,
  ],
]
/** Without one of these around it, a telling name may be a question about SQL. */
const FORMS_SQL = /['"();=]|--|\/\*/

export const sqli: PayloadCheck = {
  class: 'sqli',
  side: 'request',
  literals: [
    "'",
    'union ',
    'union(',
    'union/',
    'union!',
    'select ',
    'select(',
    'select/',
    'select*',
    'select@',
    "select'",
    'select"',
    'select-',
    'select!',
    '||',
    '&&',
    '--',
    '/**',
    '/*!',
    "'/*",
    ')/*',
    ...[...'0123456789'].map((digit) => `${digit}/*`),
    ' or 0',
    ' or 1',
    ' or 2',
    ' or 3',
    ' or 4',
    ' or 5',
    ' or 6',
    ' or 7',
    ' or 8',
    ' or 9',
    ' and 0',
    ' and 1',
    ' and 2',
    ' and 3',
    ' and 4',
    ' and 5',
    ' and 6',
    ' and 7',
    ' and 8',
    ' and 9',
    ' or (',
    ' and (',
    ' or(',
    ' and(',
    ' or true',
    ' or not',
    ' or "',
    ' and "',
    '" or',
    '" and',
    ' or @',
    ' and @',
    ' or ascii',
    ' and ascii',
    ' or sub',
    ' and sub',
    ' or exists',
    ' and exists',
    ' or length',
    ' and length',
    ' or char',
    ' and char',
    ' or pg_',
    ' xor ',
    ';drop',
    '; drop',
    ';delete',
    '; delete',
    ';insert',
    '; insert',
    ';update',
    '; update',
    ';create',
    '; create',
    ';alter',
    '; alter',
    ';truncate',
    '; truncate',
    ';declare',
    '; declare',
    '; exec',
    ';exec',
    ';shutdown',
    '; shutdown',
    'waitfor',
    'sleep(',
    'sleep (',
    'benchmark(',
    'having 1',
    'having(',
    'order by',
    'group by',
    'information_schema',
    'xp_',
    'sp_',
    '@@',
    'exec(',
    'extractvalue',
    'updatexml',
    'load_file',
    'outfile',
    'dumpfile',
    'sqlite_',
    'pg_',
    'utl_',
    'dbms_',
    'randomblob',
    'sysobjects',
    'all_tables',
    '1#',
    '"#',
  ],
  check,
}

function check({ text }: Unwrapped, field: Field): readonly Evidence[] {
  const found: Evidence[] = []
  // Who escapes the quote alone is given a backslash that escapes the escape.
  const bare = text.startsWith("\\'") || text.startsWith('\\"') ? text.slice(1) : text
  for (const one of bare === text ? [text] : [text, bare]) {
    read(one, field, found)
    if (!one.includes('/*')) continue
    // A comment stands for a blank, or breaks up a word where a filter takes comments out.
    for (const stead of [' ', '']) {
      const without = one.replace(INNER_COMMENT, stead)
      if (without !== one) read(without, field, found)
    }
  }
  if (found.length === 0) return NO_EVIDENCE
  found.sort((a, b) => b.logOdds - a.logOdds)
  return found.slice(0, 4)
}

const INNER_COMMENT = /\/\*[^!][^*]{0,64}\*\/|\/\*\*\//g
const CONTEXTS: readonly SqlContext[] = ['', "'", '"']

function read(text: string, field: Field, found: Evidence[]): void {
  let sqlFrom = text.length
  for (const context of CONTEXTS) {
    if (context !== '' && !text.includes(context)) continue
    const tokens = sqlTokens(text, context)
    const works = context !== '' && goesOnAsSql(tokens)
    if (works) sqlFrom = Math.min(sqlFrom, tokens.texts[0]!.length)
    for (const rule of RULES) {
      if (rule.where === 'broken' && context === '') continue
      const match = rule.shape.exec(tokens.types)
      if (match === null) continue
      const excerpt = piece(tokens, match.index, match[0].length)
      if (rule.words !== undefined && !rule.words.test(excerpt.toLowerCase())) continue
      found.push({ rule: `sqli.${rule.name}`, logOdds: rule.logOdds, excerpt, tokens: match[0], works })
    }
  }
  const lower = text.toLowerCase()
  for (const [name, logOdds, pattern] of TELLING) {
    const match = pattern.exec(lower)
    if (match === null) continue
    const odds = FORMS_SQL.test(lower) ? logOdds : logOdds / 2
    const excerpt = text.slice(match.index, match.index + 64)
    found.push({ rule: `sqli.${name}`, logOdds: odds, excerpt, tokens: 'f', works: match.index >= sqlFrom })
  }
  if (LONE_QUOTE.test(text) && field.place !== 'header') {
    found.push({ rule: 'sqli.quote', logOdds: 3, excerpt: text, tokens: 's' })
  }
}

/** A number or a single word with quotes at its end: how one asks whether a field is injectable. */
const LONE_QUOTE = /^[\w.-]{0,40}(?:['"`]{1,4}|\\['"])[)]{0,3}$/

/**
 * Whether all that follows the string which the text ends is SQL, up to a comment or to a string that is left open: a statement around it stays
 * whole. Texts about SQL go on with words.
 */
function goesOnAsSql({ types, texts }: SqlTokens): boolean {
  if (types.length < 3 || types.length >= MAX_TOKENS) return false
  const rest = types.slice(1)
  if (!GOES_ON.test(rest) || PROSE_OR_ODD.test(rest)) return false
  const last = texts.at(-1)!
  return rest.endsWith('c') || (rest.endsWith('s') && LEFT_OPEN.test(last))
}

/** What a string can be followed by. */
const GOES_ON = /^\)*[&UB;oc]/
/** Two words that SQL does not know, side by side, or a sign that it does not have. */
const PROSE_OR_ODD = /ww|x/
/** What the statement's own string then begins with; a sentence would be the end of a quotation. */
const LEFT_OPEN = /^['"][^\s'"]{0,16}$/

function piece({ texts }: SqlTokens, from: number, count: number): string {
  return texts
    .slice(from, from + count)
    .join(' ')
    .slice(0, 200)
}
