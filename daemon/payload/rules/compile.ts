import { RE2JS } from 're2js'
import type { Counters } from '../../telemetry/counters.ts'
import { type Evidence, type Field, NO_EVIDENCE, type PayloadCheck, type Unwrapped } from '../payload.ts'
import { MAX_TEXT } from '../unwrap.ts'
import { compileCondition, type RuleCondition } from './condition.ts'
import type { PayloadRule, Transform } from './rule.ts'

const MAX_EVIDENCE = 4
const MAX_EXCERPT = 200

/**
 * Operator's rules as checks: one for requests, one for answers. Linear by construction: `contains` is looked for by the scanner's own literals, and
 * patterns run in RE2, which has no backtracking; a text has at most MAX_TEXT characters, and the rules of a file ask no more than its budget
 * of patterns and conditions in one message (counted as `payload.rules_over_budget`).
 */
export function compileRules(rules: readonly PayloadRule[], counters: Counters): readonly PayloadCheck[] {
  const checks: PayloadCheck[] = []
  for (const side of ['request', 'response'] as const) {
    const own = rules.filter((rule) => (rule.class.startsWith('leak_') ? 'response' : 'request') === side)
    if (own.length > 0) checks.push(checkOf(own, side, counters))
  }
  return checks
}

interface Compiled {
  readonly rule: PayloadRule
  readonly fields: RE2JS
  readonly pattern: RE2JS | null
  readonly condition: RuleCondition | null
}

function checkOf(rules: readonly PayloadRule[], side: 'request' | 'response', counters: Counters): PayloadCheck {
  const compiled = rules.map(
    (rule): Compiled => ({
      rule,
      fields: fieldsOf(rule.in),
      pattern: rule.pattern === null ? null : compilePattern(rule.pattern),
      condition: rule.condition === null ? null : compileCondition(rule.condition),
    }),
  )
  const left = new Map<string, number>()
  /** Whether the file of the rule may ask once more. */
  const spend = ({ file, budget }: PayloadRule): boolean => {
    const now = left.get(file) ?? budget
    if (now === 0) {
      counters.add('payload.rules_over_budget')
      return false
    }
    left.set(file, now - 1)
    return true
  }
  return {
    class: rules[0]!.class,
    side,
    literals: [...new Set(rules.flatMap(({ contains }) => contains))],
    begin: () => left.clear(),
    check: (unwrapped, field) => {
      const found: Evidence[] = []
      for (const each of compiled) {
        const evidence = look(each, unwrapped, field, spend, counters)
        if (evidence !== null) found.push(evidence)
      }
      if (found.length === 0) return NO_EVIDENCE
      return found.sort((a, b) => b.logOdds - a.logOdds).slice(0, MAX_EVIDENCE)
    },
  }
}

function look(
  { rule, fields, pattern, condition }: Compiled,
  unwrapped: Unwrapped,
  field: Field,
  spend: (rule: PayloadRule) => boolean,
  counters: Counters,
): Evidence | null {
  if (!fields.matches(field.name.slice(0, MAX_TEXT))) return null
  const sent = field.value.length > MAX_TEXT ? field.value.slice(0, MAX_TEXT) : field.value
  const text = transformed(rule.read === 'as_sent' ? sent : unwrapped.text, rule.transforms)
  const plain = text.toLowerCase().replace(BLANKS, ' ')
  const word = rule.contains.find((each) => plain.includes(each))
  if (word === undefined) return null
  let at = Math.max(0, text.toLowerCase().indexOf(word))
  if (pattern !== null) {
    if (!spend(rule)) return null
    const matcher = pattern.matcher(text)
    if (!matcher.find()) return null
    at = matcher.start()
  }
  if (condition !== null) {
    if (!spend(rule)) return null
    try {
      if (!condition({ field, text, sent, layers: unwrapped.layers })) return null
    } catch {
      counters.add('payload.rule_condition_failed')
      return null
    }
  }
  return {
    rule: `own.${rule.id}`,
    class: rule.class,
    logOdds: rule.logOdds,
    excerpt: text.slice(at, at + MAX_EXCERPT),
    tokens: word,
  }
}

const BLANKS = /\s+/g
const SQL_COMMENT = /\/\*[^*]{0,128}\*\//g
const QUOTES = /['"`]/g

const APPLY: Readonly<Record<Transform, (text: string) => string>> = {
  no_nul: (text) => text.replaceAll('\0', ''),
  no_sql_comments: (text) => text.replace(SQL_COMMENT, ' '),
  no_quotes: (text) => text.replace(QUOTES, ''),
  one_space: (text) => text.replace(BLANKS, ' '),
  lower_case: (text) => text.toLowerCase(),
  trim: (text) => text.trim(),
}

function transformed(text: string, transforms: readonly Transform[]): string {
  let now = text
  for (const transform of transforms) now = APPLY[transform](now)
  return now
}

/** @throws the library's error, whose message says what is wrong. */
export function compilePattern(pattern: string): RE2JS {
  return RE2JS.compile(pattern)
}

function fieldsOf(names: readonly string[]): RE2JS {
  return RE2JS.compile(names.map((name) => name.split('*').map(RE2JS.quote).join('.*')).join('|'), RE2JS.DOTALL)
}
