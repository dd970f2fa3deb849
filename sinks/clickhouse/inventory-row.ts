import type { ClientState } from '../../daemon/inventory/client.ts'
import type { DescribedRoute } from '../../daemon/inventory/descriptions.ts'
import type { OperationState } from '../../daemon/inventory/operation.ts'
import { clientJson, routeJson } from '../../daemon/inventory/views.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import type { TsvText } from './tsv-text.ts'

export const ROUTE_COLUMNS = [
  'service',
  'endpoint',
  'version',
  'state',
  'merged_into',
  'first_seen',
  'last_seen',
  'requests',
  'callers',
  'granted_anonymously',
  'enforced',
  'documented',
  'identities',
  'sensitive',
  'route',
] as const

/** As it is at `now`; `documented` as in DescribedRoute. */
export function writeRoute(row: TsvText, now: EventTime, state: OperationState, documented: boolean | null): void {
  const route: DescribedRoute = { ...routeJson(state), documented }
  row.text(route.service)
  row.text(route.endpoint)
  row.number(now)
  row.text(route.state)
  row.text('')
  row.time(state.firstSeen)
  row.time(state.lastSeen)
  row.number(route.requests)
  row.number(route.callers)
  row.number(route.authentication.anonymous.granted)
  row.text(route.authentication.enforced)
  row.text(documented === null ? '' : documented ? 'yes' : 'no')
  row.list(Object.keys(route.authentication.seen))
  row.list(Object.keys(route.sensitive))
  row.text(JSON.stringify(route))
  row.endRow()
}

/** What was seen of it belongs to another one. */
export function writeMergedRoute(row: TsvText, now: EventTime, service: string, from: string, to: string): void {
  row.text(service)
  row.text(from)
  row.number(now)
  row.text('merged')
  row.text(to)
  row.time(now)
  row.time(now)
  row.number(0)
  row.number(0)
  row.number(0)
  row.text('')
  row.text('')
  row.list([])
  row.list([])
  row.text('')
  row.endRow()
}

export const CLIENT_COLUMNS = [
  'kind',
  'id',
  'version',
  'display',
  'role',
  'labels',
  'first_seen',
  'last_seen',
  'requests',
  'endpoints',
  'addresses',
  'refused_share',
  'client',
] as const

export function writeClient(row: TsvText, now: EventTime, state: ClientState): void {
  const client = clientJson(state)
  row.text(client.kind)
  row.text(client.id)
  row.number(now)
  row.text(client.display)
  row.text(client.role)
  row.list(client.labels)
  row.time(state.firstSeen)
  row.time(state.lastSeen)
  row.number(client.requests)
  row.number(client.endpoints)
  row.number(client.addresses)
  row.decimal(client.refused_share)
  row.text(JSON.stringify(client))
  row.endRow()
}
