import { isAbsolute, join } from 'node:path'
import type { ValidatedConfig } from '../config/schema.ts'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import type { Incident } from '../model/incident.ts'
import { gravestOf, stepsTaken, unmet } from '../policies/expectation.ts'
import type { PolicyDocument } from '../policies/policy-file.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { replay } from '../topology/replay.ts'

export interface PolicyTestResult {
  readonly policy: string
  readonly replay: string
  readonly incidents: number
  readonly severity: string | null
  readonly actions: readonly string[]
  readonly passed: boolean
  /** What is not as expected, as sentences. */
  readonly wrong: readonly string[]
}

export interface PolicyTestRequest {
  readonly config: ValidatedConfig
  readonly key: PrivacyKey
  warn(message: string): void
  readonly stop: AbortSignal
}

/** Runs the tests of one policy, each on a fresh set of detectors and with this policy alone. */
export async function* testPolicy(
  document: PolicyDocument,
  request: PolicyTestRequest,
): AsyncGenerator<PolicyTestResult> {
  const { file, folder } = document
  for (const test of file.tests) {
    if (request.stop.aborted) return
    const path = isAbsolute(test.replay) ? test.replay : join(folder, test.replay)
    const descriptions = test.descriptions.map((each) => ({
      file: isAbsolute(each) ? each : join(folder, each),
      services: null,
    }))
    const config = { ...request.config, endpoints: { ...request.config.endpoints, descriptions } }
    const result = await incidentsOf(path, document, { ...request, config })
    const incidents = typeof result === 'string' ? [] : result
    const wrong = typeof result === 'string' ? [result] : unmet(file, test.expect, incidents)
    const gravest = gravestOf(incidents)
    yield {
      policy: file.metadata.id,
      replay: test.replay,
      incidents: incidents.length,
      severity: gravest,
      actions: stepsTaken(file, gravest),
      passed: wrong.length === 0,
      wrong,
    }
  }
}

/** A sentence when the recording cannot be read: that is this test's failure, and the others still run. */
async function incidentsOf(
  path: string,
  document: PolicyDocument,
  { config, key, warn, stop }: PolicyTestRequest,
): Promise<readonly Incident[] | string> {
  try {
    const summary = await replay({
      files: [path],
      emit: 'summary',
      bodies: 'text',
      config,
      key,
      policies: [document],
      speed: 'max',
      write: () => {},
      warn,
      stop,
    })
    return summary.incidents
  } catch (error) {
    if (!(error instanceof OffpathError)) throw error
    return error.at === undefined || error.message.includes(error.at) ? error.message : `${error.at}: ${error.message}`
  }
}
