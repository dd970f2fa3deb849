import { formatAddress, parseAddress } from '../decode/address.ts'
import { CidrSet } from '../decode/cidr-set.ts'
import { BoundedMap } from './bounded-map.ts'

/** Loopback, private and link-local (RFC 1918, 3927, 4193, 4291, 6598). */
export const PRIVATE_NETWORKS: readonly string[] = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
]

const MAX_HOPS = 16
const MAX_HEADER = 2048
const RECENT = 16_384
const PEERS = 4096

/** Delivery networks, and the header in which each names the caller: `identity.cdn`. */
export const CDN_HEADERS = {
  akamai: 'true-client-ip',
  azure: 'x-azure-clientip',
  cloudflare: 'cf-connecting-ip',
  fastly: 'fastly-client-ip',
} as const

export type Cdn = keyof typeof CDN_HEADERS

/** How much a peer's word counts: not at all, because nothing else was configured, or because an operator named it. */
export type Trust = 'none' | 'default' | 'configured'

export interface Caller {
  /** Nearest trusted hop's view first; empty when nobody may be believed or nothing was said. */
  readonly forwarded: readonly string[]
  /** The weakest trust on the way; `none` when `forwarded` is empty. */
  readonly trust: Trust
  /** The last address named more behind it, and is no trusted hop: a proxy that nobody named, or somebody who makes them up. */
  readonly beyond?: boolean
}

/** One end of a connection: its address in canonical form, or as it was given where it is none. */
export interface Peer {
  readonly address: string
  readonly trust: Trust
}

const NOBODY: Caller = { forwarded: [], trust: 'none' }

/**
 * Who stands behind a proxy. The transport peer's header is believed only if the peer is trusted; then each address further
 * out counts only while the one nearer is trusted too, because anybody can send the left part of the list.
 */
export class TrustedHops {
  readonly #configured: CidrSet | null
  readonly #defaults = new CidrSet(PRIVATE_NETWORKS)
  readonly #recent = new BoundedMap<string, Caller>(RECENT, 4 * 1024 * 1024)
  readonly #peers = new BoundedMap<string, Peer>(PEERS)

  /** With a list, only the list is trusted. */
  constructor(hops: readonly string[] = []) {
    this.#configured = hops.length === 0 ? null : new CidrSet(hops)
  }

  trust(address: string): Trust {
    if (this.#configured !== null) return this.#configured.has(address) ? 'configured' : 'none'
    return this.#defaults.has(address) ? 'default' : 'none'
  }

  /** The same connections come again and again, so that what an address is is remembered of the latest. */
  peer(text: string): Peer {
    const known = this.#peers.get(text)
    if (known !== undefined) return known
    const address = canonicalAddress(text) ?? text
    const peer = { address, trust: this.trust(address) }
    this.#peers.set(text, peer)
    return peer
  }

  /**
   * `peer`: how far the transport peer is trusted. Headers as sent, several X-Forwarded-For joined with commas; `named`: what
   * the header of the delivery network says. Anybody who goes past the network can send that one too, so it counts only
   * where the list ends at a trusted hop, as it does behind the network's edge.
   */
  caller(
    peer: Trust,
    forwardedFor: string | null,
    forwarded: string | null,
    realIp: string | null,
    named: string | null = null,
  ): Caller {
    if (peer === 'none') return NOBODY
    const walked = this.#listed(peer, forwardedFor, forwarded, realIp)
    const address = named === null ? null : readAddress(named.trim())
    if (address === null) return walked
    const last = walked.forwarded.at(-1)
    if (last === undefined) return { forwarded: [address], trust: peer }
    if (last === address || this.trust(last) === 'none') return walked
    return { forwarded: [...walked.forwarded, address], trust: walked.trust }
  }

  #listed(peer: Trust, forwardedFor: string | null, forwarded: string | null, realIp: string | null): Caller {
    const header = forwardedFor ?? forwarded ?? realIp
    if (header === null) return NOBODY
    const form = forwardedFor !== null ? 'x' : forwarded !== null ? 'f' : 'r'
    const key = `${peer === 'default' ? 'd' : 'c'}${form}${header}`
    const known = this.#recent.get(key)
    if (known !== undefined) return known
    const addresses = form === 'f' ? forwardedAddresses(header) : listAddresses(header)
    const caller = this.#walk(peer, addresses)
    this.#recent.set(key, caller, key.length + 128)
    return caller
  }

  /** `addresses`: nearest first, null where one cannot be read. */
  #walk(peer: Trust, addresses: readonly (string | null)[]): Caller {
    const forwarded: string[] = []
    let trust = peer
    let beyond = false
    for (const address of addresses) {
      if (address === null) break
      forwarded.push(address)
      const hop = this.trust(address)
      if (hop === 'none' || forwarded.length >= MAX_HOPS) {
        beyond = hop === 'none' && addresses.length > forwarded.length
        break
      }
      if (hop === 'default') trust = 'default'
    }
    return forwarded.length === 0 ? NOBODY : { forwarded, trust, beyond }
  }
}

/** The right end of the list, where the trusted hops write. */
function rightEnd(header: string): string[] {
  const text = header.length > MAX_HEADER ? header.slice(-MAX_HEADER) : header
  const parts = text.split(',')
  if (text !== header) parts.shift()
  return parts.slice(-MAX_HOPS).reverse()
}

function listAddresses(header: string): (string | null)[] {
  return rightEnd(header).map((part) => readAddress(part.trim()))
}

const FOR = /(?:^|;)\s{0,8}for\s{0,8}=\s{0,8}("[^"]{0,128}"|[^;,\s"]{1,128})/i

/** RFC 7239: `for=192.0.2.60;proto=http, for="[2001:db8::1]:4711"`. */
function forwardedAddresses(header: string): (string | null)[] {
  return rightEnd(header).map((part) => {
    const named = FOR.exec(part)?.[1]
    return named === undefined ? null : readAddress(named.startsWith('"') ? named.slice(1, -1) : named)
  })
}

/** An address with or without brackets and port, in canonical form; null for `unknown`, obfuscated names and garbage. */
export function readAddress(text: string): string | null {
  let address = text
  if (address.startsWith('[')) {
    const end = address.indexOf(']')
    if (end < 0) return null
    address = address.slice(1, end)
  } else if (address.indexOf(':') === address.lastIndexOf(':')) {
    const colon = address.indexOf(':')
    if (colon > 0) address = address.slice(0, colon)
  }
  return canonicalAddress(address)
}

export function canonicalAddress(text: string): string | null {
  const words = parseAddress(text)
  return words === null ? null : formatAddress(words[0]!, words[1]!, words[2]!, words[3]!)
}

/** Principal id of an address: itself for IPv4, its /64 for IPv6, since one host owns all of that. */
export function addressPrincipal(address: string): string {
  if (!address.includes(':')) return address
  const words = parseAddress(address)
  if (words === null) return address
  const canonical = formatAddress(words[0]!, words[1]!, 0, 0)
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff
    ? formatAddress(0, 0, words[2], words[3]!)
    : `${canonical}/64`
}
