import type { Random } from '../demo/random.ts'

/**
 * Where callers are. Addresses come from ranges reserved for benchmarks and documentation (RFC 2544, RFC 3849).
 *
 *   home      one household, one IPv4 address, or an IPv6 /64 with a new interface id each visit
 *   office    50 to 300 people behind one or two addresses
 *   cgnat     thousands behind a few addresses of a carrier, a different one each visit
 *   mobile    an IPv6 /64 that changes with each cell, within a visit too; sometimes another country
 *   hosting   machines: partners, crawlers, monitors, rented servers
 *   backend   our own services, when they call others'
 */
export type PlaceKind = 'home' | 'home6' | 'office' | 'cgnat' | 'mobile' | 'hosting' | 'backend'

export interface Place {
  readonly kind: PlaceKind
  /** Which household, office or carrier. */
  readonly number: number
}

const CGNAT_ADDRESSES = 24

/** The address a visit from this place starts with. */
export function addressAt(place: Place, random: Random): string {
  const { kind, number } = place
  switch (kind) {
    case 'home':
      return `198.18.${(number >> 8) & 255}.${number & 255}`
    case 'home6':
      return `2001:db8:${(0x1000 + (number >> 8)).toString(16)}:${(number & 255).toString(16)}::${hextet(random)}:${hextet(random)}`
    case 'office':
      return `198.19.0.${2 * number + (random.chance(0.3) ? 1 : 0)}`
    case 'cgnat':
      return `198.19.${64 + number}.${random.between(1, CGNAT_ADDRESSES)}`
    case 'mobile':
      return `2001:db8:${(0x8000 + number).toString(16)}:${hextet(random)}::${hextet(random)}`
    case 'backend':
      return `10.40.249.${10 + number}`
    case 'hosting':
      return `198.19.${128 + ((number >> 8) & 63)}.${number & 255}`
  }
}

/** Whether people there get a new address while they are at it. */
export function moves(place: Place): boolean {
  return place.kind === 'mobile' || place.kind === 'cgnat'
}

function hextet(random: Random): string {
  return random.between(1, 0xffff).toString(16)
}

/** The proxies in front of services behind an ingress, and the edge in front of those. */
export const INGRESS = ['10.40.250.4', '10.40.250.5'] as const
export const EDGE = ['192.0.2.17', '192.0.2.18', '192.0.2.19'] as const
