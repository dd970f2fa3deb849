import { readInventory } from '../api/inventory-file.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import { CDN_HEADERS } from '../identity/forwarded.ts'
import type { HopState } from '../inventory/hops.ts'
import type { Finding } from './doctor-checks.ts'

/** Peers named in a line; the others are counted. */
const MOST_NAMED = 8
/** From so many requests on, and such a share of those that tell of callers, it may be a proxy, and not somebody who tries. */
const LEAST_REQUESTS = 20
const LEAST_SHARE = 0.05

/** Whose word counts for where requests come from, and what other settings would change of what the daemon has seen. */
export async function examineHops(config: ValidatedConfig): Promise<Finding> {
  const seen = await readInventory(config.state.folder).catch(() => null)
  return hopsFinding(config.identity, seen === null ? null : seen.hops)
}

/** `seen`: null where no daemon has kept an inventory yet. */
export function hopsFinding(
  { trusted_hops: hops, cdn }: ValidatedConfig['identity'],
  seen: readonly HopState[] | null,
): Finding {
  const check = 'trusted hops'
  const header = cdn === null ? '' : `; ${CDN_HEADERS[cdn]} of ${cdn} where the list ends at one of them`
  const inForce =
    hops.length > 0
      ? `${hops.join(', ')}${header}`
      : `defaults: loopback, private and link-local peers${header}; callers found through them are marked forwarded.default, and no action is pointed at them. With identity.trusted_hops set, those are believed and nobody else`
  if (seen === null) return { check, level: 'ok', found: inForce }
  const believed = busiest(seen.filter(({ trust }) => trust !== 'none'))
  const byDefault = busiest(believed.filter(({ trust }) => trust === 'default'))
  const all = seen.reduce((sum, { requests }) => sum + requests, 0)
  const least = Math.max(LEAST_REQUESTS, LEAST_SHARE * all)
  const ignored = busiest(seen.filter(({ trust, requests }) => trust === 'none' && requests >= least))
  const lines = [inForce]
  lines.push(believed.length === 0 ? 'seen: no hop that was believed' : `seen: ${named(believed)}`)
  if (ignored.length > 0) {
    lines.push(
      `not believed, so each is taken for one caller: ${named(ignored)}; believed, the callers behind would be told apart`,
    )
    // With a list, nobody is believed by default any more.
    const list = [
      ...hops,
      ...[...byDefault.slice(0, MOST_NAMED), ...ignored.slice(0, MOST_NAMED)].map(({ address }) => address),
    ]
    const remedy = `if they are proxies of yours, name them: identity.trusted_hops: [${list.join(', ')}]`
    return { check, level: 'warn', found: lines.join('\n'), remedy }
  }
  if (byDefault.length === 0) return { check, level: 'ok', found: lines.join('\n') }
  lines.push(
    `identity.trusted_hops: [${addresses(byDefault)}] would let actions be pointed at callers behind them, and believe no other peer`,
  )
  return { check, level: 'ok', found: lines.join('\n') }
}

function busiest(hops: readonly HopState[]): HopState[] {
  return [...hops].sort((a, b) => b.requests - a.requests || (a.address < b.address ? -1 : 1))
}

function named(hops: readonly HopState[]): string {
  const shown = hops.slice(0, MOST_NAMED).map(({ address, requests }) => `${address} (${requests} requests)`)
  return shown.join(', ') + (hops.length > MOST_NAMED ? `, ${hops.length - MOST_NAMED} more` : '')
}

function addresses(hops: readonly HopState[]): string {
  return hops
    .slice(0, MOST_NAMED)
    .map(({ address }) => address)
    .join(', ')
}
