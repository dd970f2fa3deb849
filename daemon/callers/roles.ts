import type { Role } from '../model/transaction.ts'
import type { CallerProfile } from './profile.ts'

export interface Judged {
  readonly role: Role | null
  /** Why, for people: figures, no ids. */
  readonly reasons: readonly string[]
}

/** Requests from which on anything is said. */
export const LEAST_REQUESTS = 20
const LEAST_PAUSES = 10
/** Pauses this even are those of a clock; people's are near 1. */
const CLOCKWORK = 0.3
const MOSTLY = 0.5
const NEARLY_ALL = 0.97
const FEW_OPERATIONS = 4
const MANY_OBJECTS = 50
/** Bytes of an answer from which on it is one of lists. */
const LARGE_ANSWER = 4096
const STAFF_CLAIM =
  /^(?:.{0,32}[_:/-])?(?:staff|admin(?:istrator)?|support|agent|operator|backoffice|employee|moderator)(?:[_:/-].{0,32})?$/i

/**
 * What a caller seems to be, by rules that can be read: the first that fits. `isInternal`: whether they came from a private network. A
 * caller can behave as it likes, so a role is a cohort to compare with, and no permission.
 */
export function roleOf(profile: CallerProfile, isInternal: () => boolean): Judged {
  if (profile.requests < LEAST_REQUESTS) return { role: null, reasons: [] }
  const crowd = crowdOf(profile)
  if (crowd !== null) return { role: null, reasons: [crowd] }
  for (const [role, rule] of RULES) {
    const reasons = rule(profile, isInternal)
    if (reasons !== null) return { role, reasons }
  }
  return { role: null, reasons: [] }
}

/** Why an address is nobody in particular; null where it may be somebody. */
function crowdOf(profile: CallerProfile): string | null {
  if (profile.shared) return 'several people behind one address'
  if (isSomebody(profile)) return null
  if (profile.namesOthers) return 'it names callers behind it, and is no trusted hop: see offpath doctor'
  return profile.agents.count > 1 ? `${profile.agents.count} programs behind one address` : null
}

type Rule = (profile: CallerProfile, isInternal: () => boolean) => readonly string[] | null

const RULES: readonly (readonly [Role, Rule])[] = [
  ['monitor', monitor],
  ['crawler', crawler],
  ['export', exportJob],
  ['staff', staff],
  ['service', service],
  ['partner', partner],
  ['customer', customer],
]

function monitor(profile: CallerProfile): readonly string[] | null {
  const { operations, pauses, unevenness, pauseMean, agentClass } = profile
  const few = operations.count <= FEW_OPERATIONS && !operations.more && readsOnly(profile) && profile.objects.count <= 1
  if (!few || !isMachine(profile)) return null
  const even = pauses >= LEAST_PAUSES && unevenness < CLOCKWORK
  if (!even && agentClass !== 'monitor') return null
  const rhythm = even ? `a pause of ${seconds(pauseMean)} between requests, each time` : 'its name is that of a monitor'
  return [rhythm, `${count(operations.count, 'operation')}, reads only`]
}

function crawler(profile: CallerProfile): readonly string[] | null {
  if (!readsOnly(profile) || isSomebody(profile)) return null
  const objects = Math.round(profile.objects.count)
  if (profile.agentClass === 'bot') return ['it calls itself a bot', `reads only, ${count(objects, 'object')}`]
  const many = objects >= 4 * MANY_OBJECTS && profile.agentClass !== 'browser' && profile.agentClass !== 'app'
  return many ? [`reads only, ${count(objects, 'object')}, without signing in`, 'no browser and no app'] : null
}

function exportJob(profile: CallerProfile): readonly string[] | null {
  if (!isMachine(profile) || !readsOnly(profile) || profile.topShare < 0.8) return null
  const mean = profile.bytes / profile.requests
  if (mean < LARGE_ANSWER) return null
  return [
    `${percent(profile.topShare)} of its requests are one operation, reads only`,
    `${Math.round(mean / 1024)} KiB an answer`,
  ]
}

function staff(profile: CallerProfile): readonly string[] | null {
  const { kind } = profile.principal
  if (kind !== 'user' && kind !== 'session') return null
  const claim = profile.claimed.values.find((role) => STAFF_CLAIM.test(role))
  const share = profile.rare / Math.max(1, profile.sampled)
  const inside = share >= MOSTLY && !isMachine(profile)
  if (claim === undefined && !inside) return null
  return [
    ...(claim === undefined ? [] : ['their tokens say so']),
    ...(inside ? [`${percent(share)} of their requests are to operations that hardly anybody else uses`] : []),
  ]
}

function service(profile: CallerProfile, isInternal: () => boolean): readonly string[] | null {
  if (!isMachine(profile) || !isSomebody(profile) || !isInternal()) return null
  return ['a program with a credential of its own', 'it calls from a private network']
}

function partner(profile: CallerProfile): readonly string[] | null {
  if (!isMachine(profile) || !isSomebody(profile)) return null
  return ['a program with a credential of its own', 'it calls from outside']
}

function customer(profile: CallerProfile): readonly string[] | null {
  const { kind } = profile.principal
  const person = profile.agentClass === 'app' || profile.agentClass === 'browser'
  if (!person || (kind !== 'user' && kind !== 'session')) return null
  return [`signed in, with ${profile.agentClass === 'app' ? 'an app' : 'a browser'}`]
}

function isSomebody({ principal }: CallerProfile): boolean {
  return principal.kind !== 'ip' && principal.kind !== 'device'
}

/** A program without a person in front of it, as far as it does not hide that. */
function isMachine({ agentClass, principal }: CallerProfile): boolean {
  const { kind } = principal
  if (kind === 'api_key' || kind === 'consumer') return true
  return agentClass === 'program' || agentClass === 'monitor' || agentClass === 'bot' || agentClass === 'none'
}

function readsOnly({ reads, requests }: CallerProfile): boolean {
  return reads >= NEARLY_ALL * requests
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

function seconds(us: number): string {
  return `${(us / 1e6).toFixed(us < 10e6 ? 1 : 0)} s`
}
