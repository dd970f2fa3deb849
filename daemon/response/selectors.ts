import { formatAddress, parseAddress } from '../decode/address.ts'
import { isCidr } from '../decode/cidr-set.ts'
import type { Selector, SelectorKind } from '../model/action.ts'
import type { Incident } from '../model/incident.ts'
import type { ResponseStep } from '../policies/policy.ts'

const PRINCIPAL_KINDS: readonly string[] = ['user', 'session', 'api_key', 'consumer'] satisfies SelectorKind[]

/**
 * What one step of a policy is pointed at: of everything an incident is about or came from, the part of the step's kind. An
 * address is written canonically; a caller by IPv6 is its /64, as block. What has no selector kind (a device, a tenant, a
 * campaign) or is not what its kind says is left out: no action is better than one on something else.
 */
export function selectorsOf(target: ResponseStep['target'], incident: Incident): Selector[] {
  const found = new Map<string, Selector>()
  for (const { kind, value } of [...incident.targets, incident.subject]) add(found, target, kind, value)
  if (target === 'endpoint') for (const endpoint of incident.endpoints) add(found, target, 'endpoint', endpoint)
  if (target === 'service' && incident.service !== null) add(found, target, 'service', incident.service)
  return [...found.values()]
}

function add(found: Map<string, Selector>, target: ResponseStep['target'], kind: string, value: string): void {
  const selector = selectorOf(target, kind, value)
  if (selector !== null) found.set(selectorText(selector), selector)
}

/** `ip:203.0.113.9`, `user:u_17`: as in the never lists. */
export function selectorText(selector: Selector): string {
  return `${selector.kind}:${selector.value}`
}

function selectorOf(target: ResponseStep['target'], kind: string, value: string): Selector | null {
  if (target === 'ip') return kind === 'ip' || kind === 'cidr' ? addressSelector(value) : null
  if (value === '') return null
  if (target === 'principal') return PRINCIPAL_KINDS.includes(kind) ? { kind: kind as SelectorKind, value } : null
  return kind === target ? { kind: target, value } : null
}

/** An address, or a block of addresses, in one way of writing. Null for anything else. */
export function addressSelector(value: string): Selector | null {
  const [address = '', length] = value.split('/', 2)
  const words = parseAddress(address)
  if (words === null || !isCidr(value)) return null
  const canonical = formatAddress(words[0]!, words[1]!, words[2]!, words[3]!)
  if (length === undefined) return { kind: 'ip', value: canonical }
  // A block written over a mapped address would change its length with its way of writing.
  return canonical.includes(':') === address.includes(':') ? { kind: 'cidr', value: `${canonical}/${length}` } : null
}
