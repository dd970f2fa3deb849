import { parseAddress } from '../decode/address.ts'
import { CidrSet, isCidr } from '../decode/cidr-set.ts'
import type { Selector, SelectorKind } from '../model/action.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { selectorText } from './selectors.ts'

/**
 * What no action is ever pointed at: `ip:203.0.113.9`, `cidr:10.0.0.0/8`, `user:u_17`, `service:pay.shop.test`.
 *
 * Addresses match by what they are, not by how they are written. A block of addresses as target is held back when it has any
 * address in common with an entry. Everything else matches exactly.
 */
export class NeverList {
  readonly #blocks: readonly { readonly entry: string; readonly block: string; readonly set: CidrSet }[]
  /** All blocks as one: most targets are in none. */
  readonly #any: CidrSet
  readonly #exact: ReadonlySet<string>

  /** Throws OFFPATH_E_CONFIG for an entry that is none. */
  constructor(entries: readonly string[]) {
    const blocks: { entry: string; block: string; set: CidrSet }[] = []
    const exact = new Set<string>()
    for (const entry of entries) {
      const fault = neverFault(entry)
      if (fault !== null) {
        throw new OffpathError('OFFPATH_E_CONFIG', `response.never: ${entry}: ${fault}`, { at: 'response.never' })
      }
      const selector = parseSelector(entry)!
      if (isAddressKind(selector.kind)) {
        blocks.push({ entry, block: selector.value, set: new CidrSet([selector.value]) })
      } else exact.add(entry)
    }
    this.#blocks = blocks
    this.#any = new CidrSet(blocks.map(({ block }) => block))
    this.#exact = exact
  }

  /** The entry that holds the target back, or null. */
  match(target: Selector): string | null {
    if (!isAddressKind(target.kind)) {
      const text = selectorText(target)
      return this.#exact.has(text) ? text : null
    }
    // Two blocks overlap when one holds the first address of the other. A target that is no address cannot be cleared.
    if (!isCidr(target.value)) return selectorText(target)
    const first = addressOf(target.value)
    if (first === target.value && !this.#any.has(first)) return null
    const own = new CidrSet([target.value])
    return this.#blocks.find(({ block, set }) => set.has(first) || own.has(addressOf(block)))?.entry ?? null
  }
}

const KINDS: readonly SelectorKind[] = ['ip', 'cidr', 'user', 'session', 'api_key', 'consumer', 'endpoint', 'service']

/** What is wrong with an entry, or null. */
export function neverFault(entry: string): string | null {
  const selector = parseSelector(entry)
  if (selector === null) return `expected kind:value with kind one of ${KINDS.join(', ')}`
  if (selector.kind === 'ip' && parseAddress(selector.value) === null) return 'expected an address after ip:'
  if (selector.kind === 'cidr' && !isCidr(selector.value)) return 'expected a block such as 10.0.0.0/8 after cidr:'
  return null
}

function parseSelector(text: string): Selector | null {
  const colon = text.indexOf(':')
  const kind = KINDS.find((known) => known === text.slice(0, Math.max(0, colon)))
  const value = text.slice(colon + 1)
  return kind === undefined || value === '' ? null : { kind, value }
}

function isAddressKind(kind: SelectorKind): boolean {
  return kind === 'ip' || kind === 'cidr'
}

function addressOf(block: string): string {
  return block.split('/', 1)[0]!
}
