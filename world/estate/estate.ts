import type { Random } from '../../demo/random.ts'
import type { Header } from '../exchange.ts'
import type { Audience, Entry, Mirror, Operation, Resource, Service } from './operation.ts'
import { readOperations, readResources } from './table.ts'
import {
  ADMIN,
  CATALOGUE,
  FILES,
  GRAPH,
  IDENTITY,
  LEDGER,
  MAILER,
  PARTNERS,
  PAYMENTS,
  RESOURCES,
  SHOP,
  SOCIAL,
  WEB,
} from './tables.ts'

/** The services of one company, those of others that it uses, and everything they can do. */
export interface Estate {
  readonly services: Readonly<Record<ServiceKey, Service>>
  readonly resources: ReadonlyMap<string, Resource>
  readonly operations: readonly Operation[]
  /** Issuer of the tokens. */
  readonly issuer: string
}

const NAMES = 'larkfield brenholm nordvale ashgrove tidewell marrowby fenwick oakrise stellmar quillon'.split(' ')

const HSTS: Header = ['Strict-Transport-Security', 'max-age=31536000']
const NO_SNIFF: Header = ['X-Content-Type-Options', 'nosniff']
const NO_STORE: Header = ['Cache-Control', 'no-store']
const CSP: Header = ['Content-Security-Policy', "default-src 'self'"]
const NO_FRAMES: Header = ['X-Frame-Options', 'DENY']
/** As most answers of an interface are guarded, and those of a page. */
const INTERFACE = [HSTS, NO_SNIFF, NO_STORE]
const PAGE = [HSTS, NO_SNIFF, CSP, NO_FRAMES]

/** Where each service listens, how one gets there, and what its answers say of it. */
const SERVICES = {
  shop: {
    host: 'api',
    entry: 'direct',
    port: 80,
    table: SHOP,
    audience: 'user',
    version: 'X-App-Version',
    guards: INTERFACE,
  },
  identity: { host: 'id', entry: 'direct', port: 80, table: IDENTITY, audience: 'public', guards: INTERFACE },
  web: { host: 'www', entry: 'ingress', port: 8080, table: WEB, audience: 'user', guards: PAGE },
  catalogue: {
    host: 'catalogue',
    entry: 'cdn',
    port: 8080,
    table: CATALOGUE,
    audience: 'public',
    mirror: 'inner',
    guards: [NO_SNIFF],
  },
  social: {
    host: 'community',
    entry: 'ingress',
    port: 3000,
    table: SOCIAL,
    audience: 'user',
    version: 'X-Build',
    mirror: 'inner',
    guards: [HSTS, NO_SNIFF],
  },
  files: {
    host: 'files',
    entry: 'direct',
    port: 80,
    table: FILES,
    audience: 'user',
    version: 'X-Service-Version',
    guards: INTERFACE,
  },
  partners: {
    host: 'partners',
    entry: 'cdn',
    port: 8443,
    table: PARTNERS,
    audience: 'partner',
    mirror: 'inner',
    guards: [],
  },
  admin: {
    host: 'backoffice',
    entry: 'ingress',
    port: 9000,
    table: ADMIN,
    audience: 'staff',
    version: 'X-Release',
    mirror: 'inner',
    guards: PAGE,
  },
  graph: {
    host: 'graph',
    entry: 'direct',
    port: 80,
    rpc: 'graphql',
    table: GRAPH,
    audience: 'user',
    version: 'X-Version',
    guards: INTERFACE,
  },
  ledger: {
    host: '',
    entry: 'direct',
    port: 8545,
    rpc: 'jsonrpc',
    table: LEDGER,
    audience: 'machine',
    mirror: 'inner',
    guards: [],
  },
  payments: {
    host: 'api.tillstone.example',
    entry: 'abroad',
    port: 443,
    table: PAYMENTS,
    audience: 'backend',
    guards: [HSTS],
  },
  mailer: {
    host: 'send.postlane.example',
    entry: 'abroad',
    port: 443,
    table: MAILER,
    audience: 'backend',
    guards: [HSTS],
  },
} as const satisfies Record<string, ServiceSpec>

interface ServiceSpec {
  /** Before the company's domain; of others the whole name. */
  readonly host: string
  readonly entry: Entry
  readonly port: number
  readonly rpc?: Service['rpc']
  readonly table: string
  readonly audience: Audience
  readonly version?: string
  readonly mirror?: Mirror
  readonly guards: readonly Header[]
}

export type ServiceKey = keyof typeof SERVICES

export function createEstate(random: Random): Estate {
  const domain = `${random.pick(NAMES)}.example`
  const resources = readResources(RESOURCES, random.between(1, 1_000_000))
  const services: Record<string, Service> = {}
  const operations: Operation[] = []
  let number = 0
  for (const [key, spec] of Object.entries<ServiceSpec>(SERVICES)) {
    const { entry, port, rpc = null, version = null, mirror = 'front', guards } = spec
    const abroad = entry === 'abroad'
    const address = `${abroad ? '203.0.113' : `10.40.${random.between(1, 200)}`}.${10 + number++}`
    const host = spec.host === '' ? `${address}:${port}` : abroad ? spec.host : `${spec.host}.${domain}`
    const scheme = abroad ? 'https' : 'http'
    const service: Service = {
      key,
      host,
      address,
      port,
      entry,
      rpc,
      scheme,
      mirror,
      versionHeader: version,
      guards,
      operations: [],
    }
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
