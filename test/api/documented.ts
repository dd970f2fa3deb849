import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { openApiDocument } from '../../daemon/api/openapi.ts'
import type { Answer, Asked } from './api-server.ts'

interface Said {
  readonly responses: Record<number, { readonly content: Record<string, unknown> }>
}
const document = openApiDocument() as { paths: Record<string, Record<string, Said>> }
const ajv = new Ajv2020({ strict: false, allErrors: true })
formats.default(ajv)
ajv.addSchema(document, 'api')

/** What is wrong with an answer, by the document. */
export function faults(method: string, template: string, { status, headers, json }: Answer): unknown {
  const said = document.paths[template]?.[method.toLowerCase()]?.responses[status]
  if (said === undefined) return `${method} ${template} may not say ${status}`
  const type = String(headers['content-type']).split(';')[0]!
  if (said.content[type] === undefined) return `${method} ${template} ${status} may not be ${type}`
  if (json === null) return null
  const pointer = ['paths', template, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema']
  const validate = ajv.getSchema(
    `api#/${pointer.map((part) => encodeURIComponent(part.replace(/~/g, '~0').replace(/\//g, '~1'))).join('/')}`,
  )!
  return validate(json) ? null : validate.errors
}

export function codeOf({ json }: Answer): unknown {
  return (json as { code?: string } | null)?.code
}

/** One good request of each operation. */
export const by = { who: 'ada', reason: 'it is an attack' }
export const EXAMPLES: Readonly<Record<string, Asked>> = {
  status: { path: '/api/v1/status' },
  incidents: { path: '/api/v1/incidents?limit=5&min_severity=high&since=2026-11-21T20:00:00Z&status=open&policy=p' },
  incident: { path: '/api/v1/incidents/inc1' },
  judgeIncident: { method: 'POST', path: '/api/v1/incidents/inc1/verdict', body: { ...by, verdict: 'false' } },
  actions: { path: '/api/v1/actions?live=true&incident=inc1' },
  approveAction: { method: 'POST', path: '/api/v1/actions/act1/approve', body: by },
  denyAction: { method: 'POST', path: '/api/v1/actions/act1/deny', body: by },
  revertAction: { method: 'POST', path: '/api/v1/actions/act1/revert', body: by },
  policies: { path: '/api/v1/policies' },
  reloadPolicies: { method: 'POST', path: '/api/v1/policies/reload' },
  reinstatePolicy: { method: 'POST', path: '/api/v1/policies/bruteforce/reinstate', body: by },
  deliveries: { path: '/api/v1/deliveries?state=dead&endpoint=soc' },
  redeliver: { method: 'POST', path: '/api/v1/deliveries/redeliver', body: { event: 'evt1' } },
  deploys: { path: '/api/v1/deploys' },
  markDeploy: {
    method: 'POST',
    path: '/api/v1/deploys',
    body: { service: 'api.shop.test', version: '2.4.1', commit: '9fceb02', who: 'pipeline' },
  },
  routes: { path: '/api/v1/routes?service=api.shop.test&limit=5' },
  clients: { path: '/api/v1/clients?limit=5' },
  query: {
    method: 'POST',
    path: '/api/v1/query',
    body: { sql: 'SELECT {n:UInt8} AS n', params: { n: 1 }, max_rows: 5 },
  },
}
