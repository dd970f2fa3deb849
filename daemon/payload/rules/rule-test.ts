import { Counters } from '../../telemetry/counters.ts'
import type { Field, Place } from '../payload.ts'
import { PayloadScanner } from '../scanner.ts'
import { compileRules } from './compile.ts'
import { rulesOf } from './read.ts'
import type { RuleFile } from './rule-file.ts'

export interface RuleTestResult {
  readonly rule: string
  readonly field: string
  readonly value: string
  /** Whether it has to be found, and was. */
  readonly finds: boolean
  readonly found: boolean
}

/** Runs the tests of a file, each rule by itself, through the scanner that traffic goes through. */
export function testRules(file: RuleFile): RuleTestResult[] {
  const compiled = rulesOf(file)
  return file.rules.flatMap(({ id, tests }) => {
    const own = compiled.filter((rule) => rule.id === id)
    const counters = new Counters()
    const scanner = new PayloadScanner(compileRules(own, counters), counters)
    return tests.map(({ value, field, finds }) => {
      const findings = scanner.field(fieldOf(field, value))
      return { rule: id, field, value, finds, found: findings.some(({ rule }) => rule === `own.${id}`) }
    })
  })
}

const PLACES: Readonly<Record<string, Place>> = {
  path: 'path',
  query: 'query',
  header: 'header',
  cookie: 'cookie',
  claim: 'claim',
  response: 'response',
}

function fieldOf(name: string, value: string): Field {
  const colon = name.indexOf(':')
  const place = PLACES[colon < 0 ? name : name.slice(0, colon)] ?? (name.startsWith('body:/') ? 'json' : 'form')
  return { place, name, key: name.slice(Math.max(colon, name.lastIndexOf('/')) + 1), value }
}
