import { SECOND_US } from '../model/time.ts'
import type { PolicyStanding } from './alarm-budget.ts'
import { policyOf } from './compile.ts'
import type { PolicyDocument, PolicyFile } from './policy-file.ts'

/**
 * A policy as the API and `offpath policy list` tell it (PolicyJson of daemon/api/operations.ts). `standing`: what was said of its
 * incidents, where that is known.
 */
export function policyJson(document: PolicyDocument, standing: PolicyStanding | null = null) {
  const { id, title, owner, respond, origin, ...rest } = policyOf(document)
  const demotion = rest.mode === 'enforce' ? (standing?.demotion ?? null) : null
  const mode = demotion === null ? rest.mode : 'stage'
  const { when, budget } = document.file
  return {
    id,
    title,
    owner,
    detectors: when.detectors,
    mode,
    severity: severityText(document.file),
    condition: conditionText(document.file),
    respond: respond.map((step) => ({ id: step.id, action: step.action, ttl_seconds: step.ttlUs / SECOND_US })),
    origin,
    /** log10 of the p-value from which a signal opens an incident. */
    max_log10_p: Math.log10(budget.falseIncidentsPerWeek / budget.keysPerWeek),
    ...(standing === null ? {} : { verdicts: verdictsJson(standing) }),
    ...(demotion === null ? {} : { demoted: { at: new Date(demotion.atMs).toISOString(), why: demotion.why } }),
  }
}

function verdictsJson({ attack, benign, false: wrong, precision }: PolicyStanding) {
  return { attack, benign, false: wrong, precision }
}

/** Null: what the detector says. */
function severityText({ severity }: PolicyFile): string | null {
  if (severity === undefined || typeof severity === 'string') return severity ?? null
  const cases = severity.cases.map(({ when, is }) => `${is} if ${when}`)
  return [...cases, `else ${severity.otherwise === 'signal' ? 'as the detector says' : severity.otherwise}`].join('; ')
}

function conditionText({ when: { condition, unless } }: PolicyFile): string | null {
  const parts = [
    ...(condition === undefined ? [] : [unless === undefined ? condition : `(${condition})`]),
    ...(unless === undefined ? [] : [`!(${unless})`]),
  ]
  return parts.length === 0 ? null : parts.join(' && ')
}
