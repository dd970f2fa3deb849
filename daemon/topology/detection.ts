import { DetectorSet } from '../../analyzers/analysis.ts'
import { CallerIndex } from '../../analyzers/baselines/caller-index.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import { CallerProfiles } from '../callers/profiles.ts'
import { detectorOptions } from '../config/schema.ts'
import { IncidentBook } from '../incidents/incident-book.ts'
import type { FoldingRule } from '../incidents/rules.ts'
import { compileLabels } from '../policies/client-labels.ts'
import { compilePolicies } from '../policies/compile.ts'
import { shippedPolicies } from '../policies/load.ts'
import type { PolicyDocument } from '../policies/policy-file.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import type { AssemblyRequest, BuiltDetection } from './assemble.ts'

/** Every detector that the configuration leaves on, and the incidents their signals are folded into. */
export function buildDetection(request: AssemblyRequest, telemetry: Telemetry): BuiltDetection {
  const { config, detectorFailed } = request
  const nothingWritten = config.endpoints.descriptions.length === 0
  const enabled = DETECTORS.flatMap((declaration) => {
    if (declaration.reads === 'descriptions' && nothingWritten) return []
    const options = detectorOptions(config, declaration.id)
    return options === null ? [] : [{ declaration, options }]
  })
  const rules = rulesOf(request.policies ?? shippedPolicies().documents, request, telemetry)
  const hopsConfigured = config.identity.trusted_hops.length > 0
  const incidents = new IncidentBook({ telemetry, rules, hopsConfigured })
  const callers = new CallerIndex()
  const detectors = new DetectorSet(enabled, telemetry, detectorFailed, callers)
  detectors.described(request.described ?? [])
  return {
    detection: {
      profiles: new CallerProfiles({
        label: compileLabels(config.identity.labels),
        asns: request.asns ?? null,
        callers,
      }),
      detectors,
      incidents,
    },
    setPolicies: (policies) => incidents.setRules(rulesOf(policies, request, telemetry)),
  }
}

function rulesOf(
  policies: readonly PolicyDocument[],
  { warn }: AssemblyRequest,
  { counters }: Telemetry,
): readonly FoldingRule[] {
  return compilePolicies(policies, { counters, ...(warn === undefined ? {} : { failed: warn }) }).rules
}
