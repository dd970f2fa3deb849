import type { Random } from '../../demo/random.ts'
import type { Audience, Entry, Operation, Resource, Service } from './operation.ts'
import { readOperations, readResources } from './table.ts'
import { ADMIN, CATALOGUE, FILES, GRAPH, IDENTITY, LEDGER, PARTNERS, RESOURCES, SHOP, SOCIAL, WEB } from './tables.ts'

/** The services of one company, and everything they can do. */
export interface Estate {
  readonly services: Readonly<Record<ServiceKey, Service>>
  readonly resources: ReadonlyMap<string, Resource>
  readonly operations: readonly Operation[]
  /** Issuer of the tokens. */
  readonly issuer: string
}

const NAMES = 'larkfield brenholm nordvale ashgrove tidewell marrowby fenwick oakrise stellmar quillon'.split(' ')

/** Where each service listens, and how one gets there. */
const SERVICES = {
  shop: { host: 'api', entry: 'direct', port: 80, rpc: null, table: SHOP, audience: 'user' },
  identity: { host: 'id', entry: 'direct', port: 80, rpc: null, table: IDENTITY, audience: 'public' },
  web: { host: 'www', entry: 'ingress', port: 8080, rpc: null, table: WEB, audience: 'user' },
  catalogue: { host: 'catalogue', entry: 'cdn', port: 8080, rpc: null, table: CATALOGUE, audience: 'public' },
  social: { host: 'community', entry: 'ingress', port: 3000, rpc: null, table: SOCIAL, audience: 'user' },
  files: { host: 'files', entry: 'direct', port: 80, rpc: null, table: FILES, audience: 'user' },
  partners: { host: 'partners', entry: 'cdn', port: 8443, rpc: null, table: PARTNERS, audience: 'partner' },
  admin: { host: 'backoffice', entry: 'ingress', port: 9000, rpc: null, table: ADMIN, audience: 'staff' },
  graph: { host: 'graph', entry: 'direct', port: 80, rpc: 'graphql', table: GRAPH, audience: 'user' },
  ledger: { host: '', entry: 'direct', port: 8545, rpc: 'jsonrpc', table: LEDGER, audience: 'machine' },
} as const satisfies Record<string, ServiceSpec>

interface ServiceSpec {
  readonly host: string
  readonly entry: Entry
  readonly port: number
  readonly rpc: Service['rpc']
  readonly table: string
  readonly audience: Audience
}

export type ServiceKey = keyof typeof SERVICES

export function createEstate(random: Random): Estate {
  const domain = `${random.pick(NAMES)}.example`
  const resources = readResources(RESOURCES, random.between(1, 1_000_000))
  const services: Record<string, Service> = {}
  const operations: Operation[] = []
  let number = 0
  for (const [key, spec] of Object.entries(SERVICES)) {
    const address = `10.40.${random.between(1, 200)}.${10 + number++}`
    const port = spec.port === 80 ? '' : `:${spec.port}`
    const host = spec.host === '' ? `${address}${port}` : `${spec.host}.${domain}`
    const { entry, rpc } = spec
    const service: Service = { key, host, address, port: spec.port, entry, rpc, operations: [] }
    readOperations(spec.table, service, resources, spec.audience)
    services[key] = service
    operations.push(...service.operations)
  }
  return { services: services as Estate['services'], resources, operations, issuer: `https://id.${domain}` }
}

/** By template; throws when the service has none such, so that a script cannot call what does not exist. */
export function operationOf(service: Service, template: string): Operation {
  const found = service.operations.find((each) => each.template === template)
  if (found === undefined) throw new Error(`${service.key} has no operation ${template}`)
  return found
}
