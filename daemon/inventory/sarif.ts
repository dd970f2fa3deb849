import { DRIFT_RULES, type DriftFinding } from './drift.ts'

/** Findings as SARIF 2.1.0, for code scanning: each stands at the description, and names its operation. */
export function sarifLog(findings: readonly DriftFinding[], spec: string, version: string): object {
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'Offpath',
            version,
            rules: Object.entries(DRIFT_RULES).map(([rule, text]) => ({
              id: `drift.${rule}`,
              shortDescription: { text },
            })),
          },
        },
        results: findings.map(({ rule, level, service, endpoint, field, message, seen }) => ({
          ruleId: `drift.${rule}`,
          ruleIndex: Object.keys(DRIFT_RULES).indexOf(rule),
          level,
          message: { text: `${endpoint}${field === null ? '' : `, ${field}`} ${message}` },
          locations: [
            {
              physicalLocation: { artifactLocation: { uri: fileUri(spec) } },
              logicalLocations: [{ fullyQualifiedName: endpoint, kind: 'resource' }],
            },
          ],
          partialFingerprints: { 'offpath/v1': [rule, service ?? '', endpoint, field ?? ''].join(' ') },
          properties: { seen, ...(service === null ? {} : { service }), ...(field === null ? {} : { field }) },
        })),
      },
    ],
  }
}

function fileUri(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
