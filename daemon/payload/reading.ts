import type { Place } from './payload.ts'

const LEAST_LINES = 2
const LEAST_STOP_WORDS = 2
const LEAST_WORDS = 5
/** Characters looked at: what a text is shows soon. */
const LOOKED_AT = 2048

/** Words that sentences have and neither SQL, nor a shell, nor a program: a few of the commonest of some languages. */
const STOP_WORDS = new Set(
  (
    'the a an how what why which does do did my i you we it its use this that to of at for was are can don isn doesn me your our she he they please here there haha ' +
    'der das und nicht wie ich ist ein eine für le la les est une pour dans el los una que por het een niet il che non'
  ).split(' '),
)
/** Words of SQL and of shells, which are no sign of prose. */
const KEYWORDS = new Set(
  (
    'select insert update delete drop create alter truncate exec execute declare merge union except intersect from where having limit offset into values set table group order procedure returning and or xor not like ' +
    'rlike regexp in is between as by case when then else end all distinct delay waitfor database schema null true false begin commit sleep users user password admin cat echo bash curl wget print into outfile dumpfile count exists join'
  ).split(' '),
)

const LOG_LINE =
  /"(?:GET|POST|PUT|HEAD|DELETE|PATCH|OPTIONS) [^\s"]{1,512} HTTP\/\d|^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|^[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d|^\[\d\d:\d\d:\d\d|\b(?:level|msg|caller|took)=|^(?:mysql|sqlite|postgres|psql|\w{1,32}=)[>#] |^\$ \w|^npm (?:ERR|error)/

/** A value that stands for itself, a sentence or more, or a program, log or other text of lines. */
export type Reading = 'value' | 'prose' | 'program'

/**
 * What a text is: in prose, in a program of several lines, in a line of a log, SQL and shell commands are what is talked about. Fields that no
 * one writes texts into hold values.
 */
export function readingOf(text: string, place: Place): Reading {
  if (place === 'path' || place === 'header' || place === 'cookie' || place === 'claim') return 'value'
  const piece = text.length > LOOKED_AT ? text.slice(0, LOOKED_AT) : text
  if (isProgram(piece) || LOG_LINE.test(piece)) return 'program'
  return isProse(piece) ? 'prose' : 'value'
}

function isProse(text: string): boolean {
  let stops = 0
  let words = 0
  let asks = false
  for (const [word] of text.matchAll(WORD)) {
    const lower = stem(word.toLowerCase())
    if (STOP_WORDS.has(lower)) stops++
    else if (word.length >= 3 && !KEYWORDS.has(lower)) words++
    if (STOP_WORDS.has(lower) || words > 1) asks ||= ENDS_IN_QUESTION.test(text)
    if (asks || stops >= LEAST_STOP_WORDS || words >= LEAST_WORDS || (stops > 0 && words >= LEAST_WORDS - 2))
      return true
  }
  return false
}

/** `don` of `don't`. */
function stem(word: string): string {
  const at = word.search(/['’]/)
  return at < 0 ? word : word.slice(0, at)
}

const ENDS_IN_QUESTION = /\w\s?\?\s{0,4}$/
/** Letters alone, between blanks or before the punctuation of a sentence. */
const WORD = /(?<![^\s("„“])[\p{L}'’]{1,24}(?=[.,;:!?)"”]{0,2}(?:\s|$))/gu

/** Several lines of more than a word each, or a fence of code. */
function isProgram(text: string): boolean {
  if (text.includes('```') || text.startsWith('#!/')) return true
  let lines = 0
  for (const [line] of text.matchAll(LINE)) if (LONG.test(line) && ++lines === LEAST_LINES) return true
  return false
}

const LINE = /[^\r\n]{8,}/g
const LONG = /\S\s+\S|^\s{2,}\S/
