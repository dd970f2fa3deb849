import type { Store, StoreQuery } from '../../sinks/store/store.ts'
import type { Selector } from '../model/action.ts'
import type { Blast } from '../response/guards.ts'

const WINDOW = 'ts > now64(6) - toIntervalDay(1)'
const CALLERS = `SELECT uniqExact(principal_id) AS principals FROM transactions WHERE ${WINDOW} AND principal_kind != 'ip'`

/**
 * Asks the store whom a selector would have hit in the last 24 h: callers known by more than their address, on that address, endpoint or
 * service. A selector that names one caller hits nobody else. Null: the store could not tell.
 */
export function blastRadius(store: Pick<Store, 'query'>): (selector: Selector) => Promise<Blast> {
  return async (selector) => {
    const query = questionAbout(selector)
    if (query === null) return { principals: 0 }
    try {
      const { rows } = await store.query(query)
      return { principals: Number(rows[0]?.[0] ?? 0) }
    } catch {
      return null
    }
  }
}

function questionAbout({ kind, value }: Selector): StoreQuery | null {
  switch (kind) {
    case 'ip':
      return ask('(client_ip = toIPv6({value:String}) OR has(forwarded, {value:String}))', value)
    case 'cidr':
      return ask('isIPAddressInRange(client_address, {value:String})', value)
    case 'endpoint':
      return ask('endpoint = {value:String}', value)
    case 'service':
      return ask('service = {value:String}', value)
    case 'user':
    case 'session':
    case 'api_key':
    case 'consumer':
      return null
  }
}

function ask(condition: string, value: string): StoreQuery {
  return { sql: `${CALLERS} AND ${condition}`, params: { value } }
}
