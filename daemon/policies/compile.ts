import type { FoldingRule } from '../incidents/rules.ts'
import type { Severity, Signal } from '../model/signal.ts'
import type { Counters } from '../telemetry/counters.ts'
import { type Condition, compileCondition } from './cel.ts'
import { durationUs } from './duration.ts'
import type { Policy, ResponseStep } from './policy.ts'
import type { GroupPart, PolicyDocument, PolicyFile } from './policy-file.ts'

export interface CompileOptions {
  /** Counts `policies.condition_failed`. */
  readonly counters?: Counters
  /** The first time that a condition of a policy fails on a signal: which, and why. It counts as not fulfilled. */
  readonly failed?: (message: string) => void
}

export interface CompiledPolicies {
  /** By id. */
  readonly policies: readonly Policy[]
  /** One for each policy, in the same order. */
  readonly rules: readonly FoldingRule[]
}

/** Checked documents to what runs. @throws ExpressionProblem only for documents that were not checked by loadPolicies. */
export function compilePolicies(documents: readonly PolicyDocument[], options: CompileOptions = {}): CompiledPolicies {
  // The order in which policies fold must not depend on where their files lie.
  const ordered = [...documents].sort((a, b) => (a.file.metadata.id < b.file.metadata.id ? -1 : 1))
  return { policies: ordered.map(policyOf), rules: ordered.map(({ file }) => ruleOf(file, options)) }
}

/** The response half of a document. */
export function policyOf({ file, mode, origin }: PolicyDocument): Policy {
  const { id, title, owner } = file.metadata
  return { id, title, owner, mode, respond: file.respond.map(stepOf), origin }
}

function stepOf(step: PolicyFile['respond'][number]): ResponseStep {
  const { id, action, target, risk, guard } = step
  return {
    id,
    action,
    target,
    risk,
    ttlUs: durationUs(step.ttl),
    repeat: { factor: step.repeat.factor, maxUs: durationUs(step.repeat.max), jitter: step.repeat.jitter },
    guard,
    revertible: step.revert === 'auto',
    approval: { expiresUs: durationUs(step.approval.expires) },
  }
}

function ruleOf(file: PolicyFile, options: CompileOptions): FoldingRule {
  const { id, title } = file.metadata
  const { detectors, condition, unless } = file.when
  const guarded = (place: string, text: string | undefined) => {
    return text === undefined ? null : neverThrows(id, place, compileCondition(text), options)
  }
  const wanted = guarded('when.condition', condition)
  const unwanted = guarded('when.unless', unless)
  const { by, also } = file.group
  return {
    policy: id,
    detectors,
    title,
    maxLog10P: Math.log10(file.budget.falseIncidentsPerWeek / file.budget.keysPerWeek),
    reopenWithinUs: durationUs(file.group.reopenWithin),
    autoCloseUs: durationUs(file.close.autoAfter),
    joins: file.group.joins,
    accepts: (signal) => (wanted === null || wanted(signal)) && (unwanted === null || !unwanted(signal)),
    severity: severityOf(file, guarded),
    keys: (signal) => {
      // What names no source is told apart by what it is about.
      const first = by.map((part) => partOf(part, signal) ?? partOf('subject', signal)).join(' ')
      if (also === undefined) return [first]
      const parts = also.map((part) => partOf(part, signal))
      // What names no source is not one with everything else that names none.
      return parts.includes(null) ? [first] : [first, parts.join(' ')]
    },
  }
}

function severityOf(
  { severity }: PolicyFile,
  guarded: (place: string, text: string) => Condition | null,
): (signal: Signal) => Severity {
  if (severity === undefined) return (signal) => signal.severity
  if (typeof severity === 'string') return () => severity
  const { otherwise } = severity
  const cases = severity.cases.map((each, index) => ({
    applies: guarded(`severity.cases[${index}].when`, each.when)!,
    is: each.is,
  }))
  return (signal) =>
    cases.find(({ applies }) => applies(signal))?.is ?? (otherwise === 'signal' ? signal.severity : otherwise)
}

/** Null where the signal names no source. */
function partOf(part: GroupPart, signal: Signal): string | null {
  switch (part) {
    case 'service':
      return String(signal.service)
    case 'endpoint':
      return String(signal.endpoint)
    case 'subject':
      return `${signal.subject.kind}:${signal.subject.value}`
    case 'source': {
      const { source, source_kind: kind } = signal.evidence
      return typeof source === 'string' ? `${kind}:${source}` : null
    }
    case 'principal':
      return `${signal.principal.kind}:${signal.principal.id}`
    case 'detector':
      return signal.detector
  }
}

/** A condition that fails on a signal is not fulfilled; it is told once and counted from then on. */
function neverThrows(policy: string, place: string, condition: Condition, options: CompileOptions): Condition {
  let told = false
  return (signal) => {
    try {
      return condition(signal)
    } catch (error) {
      options.counters?.add('policies.condition_failed')
      if (!told) {
        told = true
        const reason = error instanceof Error ? error.message.split('\n')[0] : String(error)
        options.failed?.(
          `policy ${policy}: ${place} failed on a signal of ${signal.detector} and counts as not fulfilled: ${reason}`,
        )
      }
      return false
    }
  }
}
