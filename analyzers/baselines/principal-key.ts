import { z } from 'zod'
import type { Principal } from '../../daemon/model/transaction.ts'
import { text } from './state.ts'

/** Kind, id, display, via, app. */
export const PrincipalState = z.tuple([
  z.enum(['user', 'session', 'api_key', 'consumer', 'device', 'ip']),
  text,
  text,
  text,
  text.nullable(),
])
export type PrincipalState = z.infer<typeof PrincipalState>

export function principalState({ kind, id, display, via, app }: Principal): PrincipalState {
  return [kind, id, display, via, app]
}

export function principalFrom([kind, id, display, via, app]: PrincipalState): Principal {
  return { kind, id, display, via, app }
}

/**
 * One text per principal. Ids are unique within a kind only: the same secret sent as a key, a cookie and a bearer token has
 * one pseudonym, and so have an account and a key that is sent as its name (Basic), so that a stranger could otherwise write
 * into another caller's state. Users and addresses, most of the traffic, cannot meet and need no prefix.
 */
export function principalKey(principal: Principal): string {
  const { kind, id } = principal
  return kind === 'user' || kind === 'ip' ? id : `${kind} ${id}`
}

/**
 * Who votes for a principal: itself, except that addresses without an account share one vote per /24 or /48, because a
 * network can bring up as many of them as it likes.
 */
export function voteKey(principal: Principal): string {
  return principal.kind === 'ip' ? networkOf(principal.id) : principalKey(principal)
}

/** The /24 of an IPv4 address, the /48 of an IPv6 address. */
export function networkOf(address: string): string {
  if (!address.includes(':')) {
    const end = address.lastIndexOf('.')
    return end < 0 ? address : address.slice(0, end)
  }
  if (address.toLowerCase().startsWith('::ffff:') && address.includes('.')) return networkOf(address.slice(7))
  const [head = ''] = address.split('::', 1)
  const groups = head.split(':')
  while (groups.length < 3) groups.push('0')
  return groups
    .slice(0, 3)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')
}

/** Signed-in callers, who can be told apart behind a shared address. */
export function isAuthenticated(principal: Principal): boolean {
  return principal.kind !== 'ip' && principal.kind !== 'device'
}
