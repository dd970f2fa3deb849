import { parseAddress } from './address.ts'

const NO_CHILD = 0
const MEMBER = 1

/**
 * A set of networks with one question: is this address in any of them? A binary trie over the 128 bits, so the answer
 * costs at most the longest prefix, whatever the number of networks (net.BlockList walks a list). IPv4 networks stand at
 * their mapped place, so `10.0.0.0/8` also holds `::ffff:10.1.2.3`.
 */
export class CidrSet {
  /** Two children per node; 0 = none, since the root is nobody's child. */
  #children: number[] = [NO_CHILD, NO_CHILD]
  #member: number[] = [0]

  /** Throws RangeError for text that is no network: check it with `isCidr` first where it is input. */
  constructor(networks: readonly string[]) {
    for (const network of networks) this.#add(network)
  }

  /** Whether `address` (text, or four words) is in the set. Text that is no address is in no set. */
  has(address: string | ArrayLike<number>): boolean {
    const words = typeof address === 'string' ? parseAddress(address) : address
    if (words === null) return false
    let node = 0
    for (let depth = 0; depth < 128; depth++) {
      if (this.#member[node] === MEMBER) return true
      node = this.#children[2 * node + bit(words, depth)]!
      if (node === NO_CHILD) return false
    }
    return this.#member[node] === MEMBER
  }

  #add(network: string): void {
    const parsed = parseCidr(network)
    if (parsed === null) throw new RangeError(`not a network: ${network}`)
    let node = 0
    for (let depth = 0; depth < parsed.length; depth++) {
      const edge = 2 * node + bit(parsed.words, depth)
      if (this.#children[edge] === NO_CHILD) {
        this.#children[edge] = this.#member.length
        this.#children.push(NO_CHILD, NO_CHILD)
        this.#member.push(0)
      }
      node = this.#children[edge]!
    }
    this.#member[node] = MEMBER
  }
}

/** Whether `text` is an address or `address/length`. */
export function isCidr(text: string): boolean {
  return parseCidr(text) !== null
}

/** The words and prefix length out of 128; a bare address is a network of one. */
function parseCidr(text: string): { words: Uint32Array; length: number } | null {
  const slash = text.indexOf('/')
  const address = slash < 0 ? text : text.slice(0, slash)
  const words = parseAddress(address)
  if (words === null) return null
  const width = address.includes(':') ? 128 : 32
  if (slash < 0) return { words, length: 128 }
  const length = text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length) || Number(length) > width) return null
  return { words, length: 128 - width + Number(length) }
}

function bit(words: ArrayLike<number>, depth: number): 0 | 1 {
  return ((words[depth >>> 5]! >>> (31 - (depth & 31))) & 1) as 0 | 1
}
