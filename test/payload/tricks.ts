import type { PayloadClass } from '../../daemon/payload/payload.ts'

/** Ways of writing the same payload that its interpreter reads alike. */
export interface Trick {
  readonly name: string
  readonly classes: readonly PayloadClass[]
  /** The text unchanged where the trick has nothing to work on. */
  readonly apply: (text: string) => string
}

/** Applies outside of quotes only: strings keep their text. Unbalanced quotes end at the text's end, as they do in a broken statement. */
function outsideQuotes(text: string, change: (piece: string) => string): string {
  // What stands before the first quote of an odd number of them is inside the application's own string or a number.
  return text
    .split(/((?:"[^"]*"|'[^']*'))/)
    .map((piece, index) => (index % 2 === 1 ? piece : change(piece)))
    .join('')
}

function mixedCase(text: string): string {
  let up = false
  return text.replace(/[a-z]/gi, (c) => {
    up = !up
    return up ? c.toUpperCase() : c.toLowerCase()
  })
}

const SQL_WORDS =
  /\b(?:union|select|from|where|and|or|not|insert|update|delete|drop|table|order|group|by|having|sleep|benchmark|exec|declare|waitfor|delay|like|between|exists|into|all|distinct|case|when|then|else|end|null|true)\b/gi
/** `-- ` needs its blank (MySQL), and so does whatever follows a comment. */
const SQL_BLANK = /(?<!--) (?![-\s]*$)/g

/** Commands of cmd.exe, whose grammar is another. */
const WINDOWS = /^[&|]? ?(?:dir|type|net|ipconfig|certutil|powershell|cmd|ping -n)/

export const TRICKS: readonly Trick[] = [
  { name: 'none', classes: [], apply: (text) => text },
  {
    name: 'comments for blanks',
    classes: ['sqli'],
    apply: (text) =>
      /-- ./.test(text.replace(/-- -?$/, '')) ? text : outsideQuotes(text, (piece) => piece.replace(SQL_BLANK, '/**/')),
  },
  {
    name: 'versioned comments',
    classes: ['sqli'],
    apply: (text) =>
      outsideQuotes(text, (piece) => piece.replace(/\b(?:union|select)\b/gi, (word) => `/*!50000${word}*/`)),
  },
  {
    name: 'case',
    classes: ['sqli'],
    apply: (text) => outsideQuotes(text, (piece) => piece.replace(SQL_WORDS, mixedCase)),
  },
  // Names of elements, attributes and schemes; calls are told apart by case.
  {
    name: 'case',
    classes: ['xss'],
    apply: (text) => text.replace(/(?:<\/?[a-z]+|\bon[a-z]+(?==)|javascript(?=:))/gi, mixedCase),
  },
  { name: 'case', classes: ['jndi'], apply: (text) => text.replace(/jndi|ldaps?|rmi/g, mixedCase) },
  // Host names and schemes (RFC 3986 §6.2.2.1).
  { name: 'case', classes: ['ssrf'], apply: (text) => text.replace(/^[a-z]+:\/\/[a-z.]*/, mixedCase) },
  { name: 'case', classes: ['mail', 'crlf'], apply: (text) => text.replace(/[\r\n][\w-]+(?=\s?:)/g, mixedCase) },
  ...['\t', '\n', '\v', '\f', '\r\n'].map((blank) => ({
    name: 'other blanks',
    classes: ['sqli'] as const,
    apply: (text: string) => outsideQuotes(text, (piece) => piece.replace(SQL_BLANK, blank)),
  })),
  {
    name: 'plus signs for blanks',
    classes: ['sqli'],
    apply: (text) => outsideQuotes(text, (piece) => piece.replace(/(?<=\bor|and) (?=\d)/gi, '+')),
  },
  { name: 'other blanks', classes: ['xss'], apply: (text) => text.replace(/(?<=<[a-z]+) /g, '/') },
  { name: 'other blanks', classes: ['xss'], apply: (text) => text.replace(/(?<=<[a-z]+) /g, '\n') },
  { name: 'blanks in a scheme', classes: ['xss'], apply: (text) => text.replace(/javascript:/, 'java\tscript:') },
  {
    name: '${IFS}',
    classes: ['command'],
    apply: (text) =>
      WINDOWS.test(text) ? text : outsideQuotes(text, (piece) => piece.replace(/(?<=\w) (?=[-/\w])/g, '${IFS}')),
  },
  { name: 'tabs', classes: ['command'], apply: (text) => text.replace(/(?<=\w) (?=[-/\w])/g, '\t') },
  {
    name: 'quotes inside of words',
    classes: ['command'],
    apply: (text) =>
      WINDOWS.test(text)
        ? text
        : text.replace(
            /\b(cat|id|whoami|wget|curl|nc|uname|ping|ls)\b(?![='"])/,
            (word) => `${word[0]}''${word.slice(1)}`,
          ),
  },
  {
    name: 'backslashes inside of words',
    classes: ['command'],
    apply: (text) =>
      WINDOWS.test(text)
        ? text
        : text.replace(
            /\b(cat|id|whoami|wget|curl|nc|uname|ping|ls)\b(?![='"])/,
            (word) => `${word[0]}\\${word.slice(1)}`,
          ),
  },
  {
    name: 'variables inside of words',
    classes: ['command'],
    apply: (text) =>
      WINDOWS.test(text)
        ? text
        : text.replace(/\b(cat|id|whoami|wget|curl|uname|ls)\b(?![='"])/, (word) => `${word[0]}$@${word.slice(1)}`),
  },
  {
    name: 'joined strings',
    classes: ['sqli'],
    apply: (text) => text.replace(/'(\w)(\w+)'(?=[^'])/, (_, first: string, rest: string) => `'${first}'||'${rest}'`),
  },
  { name: 'numbers as hex', classes: ['sqli'], apply: (text) => text.replace(/\b1=1\b/, '0x31=0x31') },
  {
    name: 'lookups inside of words',
    classes: ['jndi'],
    apply: (text) => text.replace('${jndi:', '${${lower:j}${::-n}${lower:d}i:'),
  },
  { name: 'backslashes for slashes', classes: ['traversal'], apply: (text) => text.replaceAll('../', '..\\') },
  {
    name: 'more slashes',
    classes: ['traversal', 'lfi'],
    apply: (text) => text.replace(/(?<=[.\w])\/(?=[.\w])/g, '//'),
  },
  {
    name: 'steps to the same place',
    classes: ['traversal', 'lfi'],
    apply: (text) => text.replace(/(?<=[.\w])\/(?=[.\w])/g, '/./'),
  },
  // What the application appends is cut off (PHP before 5.3.4).
  {
    name: 'NUL and a suffix',
    classes: ['traversal', 'lfi', 'rfi'],
    apply: (text) => (text.endsWith('?') ? text : `${text}\0.png`),
  },
  // Whatever an application puts around a value that people type.
  ...['Nice shop! %s thanks', 'Order 17 arrived late, %s and nobody answered'].map((around) => ({
    name: 'inside of a sentence',
    classes: ['xss', 'jndi', 'ssti'] as const,
    apply: (text: string) => (/^[<$#*@{[~]/.test(text) ? around.replace('%s', () => text) : text),
  })),
  {
    name: 'blanks inside of braces',
    classes: ['ssti'],
    apply: (text) => text.replace('{{', '{{ ').replace('}}', ' }}'),
  },
]
