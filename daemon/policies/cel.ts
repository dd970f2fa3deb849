import { Environment } from '@marcbachmann/cel-js'
import { RE2JS } from 're2js'
import { SEVERITIES, type Severity, type Signal } from '../model/signal.ts'
import { checkCost, ExpressionProblem, problemOf } from '../yaml/cel-limits.ts'

/**
 * Conditions of policies, in CEL over one variable, `signal`. Checked when they are loaded: names, types, and that they give
 * true or false. What may take long is refused (yaml/cel-limits.ts), texts and lists of a signal are cut, so that one evaluation
 * is bounded and a flood of signals costs no more than the number of them.
 */

const LIMITS = { maxAstNodes: 1000, maxDepth: 32, maxListElements: 256, maxMapEntries: 64, maxCallArguments: 8 }
/** Texts of a signal come from traffic. */
const MAX_TEXT = 4096
const MAX_LIST = 100
const MAX_PATTERN = 512

/** What `signal` is: name, CEL type, meaning. The documentation is made from it. */
export const SIGNAL_FIELDS: readonly (readonly [path: string, type: string, meaning: string])[] = [
  ['signal.time', 'google.protobuf.Timestamp', 'event time of the transaction that completed the finding'],
  ['signal.detector', 'string', 'id of the detector'],
  [
    'signal.severity',
    'string',
    'info, low, medium, high or critical, as the detector says; `.atLeast("high")` compares',
  ],
  ['signal.p', 'double', 'how likely it is that this is ordinary, 0 to 1'],
  ['signal.log10_p', 'double', 'the same as an exponent: -6 is one in a million'],
  ['signal.score', 'double', '0 to 1, grows with suspicion'],
  ['signal.maturity', 'double', '0 to 1, how much the detector has seen to judge by'],
  ['signal.service', 'string', 'host of the API; empty when unknown'],
  ['signal.endpoint', 'string', 'method and template, `GET /v1/orders/{id}`; empty when unknown'],
  ['signal.status', 'int', 'status of the response; 0 without one'],
  ['signal.whole', 'bool', 'the transaction was seen whole, both sides'],
  ['signal.subject.kind', 'string', 'what it is about: ip, user, session, api_key, consumer, device …'],
  ['signal.subject.value', 'string', 'the address, or a pseudonym'],
  ['signal.principal.kind', 'string', 'who made the request: user, session, api_key, consumer, device or ip'],
  ['signal.principal.id', 'string', 'the address, or a pseudonym'],
  ['signal.principal.display', 'string', 'the name as people see it'],
  [
    'signal.principal.via',
    'string',
    'how it is known: jwt.sub, basic, cookie.sid, peer, forwarded, forwarded.default …',
  ],
  ['signal.principal.app', 'string', 'API key or client seen beside a user; empty without one'],
  [
    'signal.caller.role',
    'string',
    'what the caller seems to be by a day and more of behaviour: customer, staff, partner, service, export, crawler, monitor; else empty',
  ],
  ['signal.caller.labels', 'list<string>', '`identity.labels` that are true of the caller'],
  ['signal.expected', 'dyn', 'text, number or null: what is usual'],
  ['signal.observed', 'dyn', 'text, number or null: what was seen'],
  [
    'signal.evidence',
    'map<string, dyn>',
    'figures of the detector; `has(signal.evidence.x)` asks whether there is one',
  ],
  ['signal.outcome.answered', 'int', 'suspicious requests that were granted'],
  ['signal.outcome.refused', 'int', 'suspicious requests that were refused'],
  ['signal.outcome.objects_exposed', 'int', 'distinct objects of others that were answered'],
  ['signal.outcome.p_success', 'double', '0 to 1: that the attack reached what it was after'],
  ['signal.outcome.accounts', 'list<string>', 'accounts taken over, as pseudonyms'],
  ['signal.owasp', 'list<string>', 'OWASP API Security Top 10'],
  ['signal.attack', 'list<string>', 'MITRE ATT&CK techniques'],
]

type Schema = { [name: string]: string | Schema }

function schemaOf(fields: readonly (readonly [path: string, type: string, meaning: string])[]): Schema {
  const schema: Schema = {}
  for (const [path, type] of fields) {
    const steps = path.split('.').slice(1)
    let here = schema
    for (const step of steps.slice(0, -1)) {
      here[step] ??= {}
      here = here[step] as Schema
    }
    here[steps.at(-1)!] = type
  }
  return schema
}

/** Patterns are written out in policies, so there are as many as policies have. */
const patterns = new Map<string, RE2JS>()

function patternOf(pattern: string): RE2JS {
  let compiled = patterns.get(pattern)
  if (compiled === undefined) {
    if (patterns.size >= 4096) patterns.clear()
    compiled = RE2JS.compile(pattern)
    patterns.set(pattern, compiled)
  }
  return compiled
}

/** For conditions over one variable. */
export function environmentOf(
  name: string,
  fields: readonly (readonly [path: string, type: string, meaning: string])[],
) {
  return new Environment({ limits: LIMITS })
    .registerVariable({ name, schema: schemaOf(fields) })
    .registerFunction('rx(string, string): bool', (text: string, pattern: string) => patternOf(pattern).test(cut(text)))
}

const ENVIRONMENT = environmentOf('signal', SIGNAL_FIELDS).registerFunction(
  'string.atLeast(string): bool',
  (severity: string, least: string) => {
    const bound = SEVERITIES.indexOf(least as Severity)
    if (bound < 0) throw new Error(`${least} is no severity`)
    return SEVERITIES.indexOf(severity as Severity) >= bound
  },
)

/** A checked condition. */
export type Condition = (signal: Signal) => boolean

/** @throws ExpressionProblem. What it returns throws when the expression fails on a signal, for example for a missing key. */
export function compileCondition(text: string): Condition {
  const holds = compileTest(ENVIRONMENT, text)
  return (signal) => holds({ signal: viewOf(signal) })
}

/** The same over the variable of any environment. @throws ExpressionProblem. */
export function compileTest(environment: Environment, text: string): (variables: Record<string, unknown>) => boolean {
  const checked = environment.check(text)
  if (!checked.valid) throw problemOf(checked.error)
  const evaluate = environment.parse(text)
  checkCost(evaluate.ast, checkPattern)
  if (checked.type !== 'bool' && checked.type !== 'dyn') {
    throw new ExpressionProblem(`gives ${checked.type}, expected true or false`, 0)
  }
  return (variables) => {
    const result: unknown = evaluate(variables)
    if (typeof result !== 'boolean') throw new Error(`gave ${typeof result}, expected true or false`)
    return result
  }
}

function checkPattern(pattern: string, offset: number): void {
  if (pattern.length > MAX_PATTERN) throw new ExpressionProblem(`the pattern is over ${MAX_PATTERN} characters`, offset)
  try {
    patternOf(pattern)
  } catch (cause) {
    throw new ExpressionProblem(`the pattern cannot be used: ${cause instanceof Error ? cause.message : cause}`, offset)
  }
}

/** Several conditions ask about one signal in a row. */
let latest: Signal | null = null
let latestView: Record<string, unknown> = {}

function viewOf(signal: Signal): Record<string, unknown> {
  if (signal === latest) return latestView
  const { principal, subject, outcome } = signal
  latest = signal
  latestView = {
    time: new Date(signal.time / 1000),
    detector: signal.detector,
    severity: signal.severity,
    p: signal.pValue,
    log10_p: signal.log10P,
    score: signal.score,
    maturity: signal.maturity,
    service: cut(signal.service ?? ''),
    endpoint: cut(signal.endpoint ?? ''),
    status: whole(signal.status ?? 0),
    whole: signal.whole !== false,
    subject: { kind: subject.kind, value: cut(subject.value) },
    principal: {
      kind: principal.kind,
      id: cut(principal.id),
      display: cut(principal.display),
      via: principal.via,
      app: cut(principal.app ?? ''),
    },
    caller: { role: signal.caller?.cohort ?? '', labels: [...(signal.caller?.labels ?? [])] },
    expected: cutValue(signal.expected),
    observed: cutValue(signal.observed),
    evidence: Object.fromEntries(Object.entries(signal.evidence).map(([key, value]) => [key, cutValue(value)])),
    outcome: {
      answered: whole(outcome.answered),
      refused: whole(outcome.refused),
      objects_exposed: whole(outcome.objectsExposed),
      p_success: outcome.pSuccess,
      accounts: outcome.accounts.slice(0, MAX_LIST),
    },
    owasp: [...signal.owasp],
    attack: [...signal.attack],
  }
  return latestView
}

/** CEL tells whole numbers from others. */
function whole(count: number): bigint {
  return BigInt(Math.round(count))
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text
}

function cutValue(value: unknown): unknown {
  if (typeof value === 'string') return cut(value)
  if (Array.isArray(value)) return value.slice(0, MAX_LIST).map(cutValue)
  return value
}
