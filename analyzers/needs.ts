import type { Transaction } from '../daemon/model/transaction.ts'
import type { Lack } from '../daemon/tap/mapping.ts'

/** What records of a format say, as far as detectors depend on it. */
export type Fact = Exclude<Lack, never> | 'login'

/** What a kind of detector needs: at least one of `any`, or it is blind, or only weaker. */
interface Need {
  readonly any: readonly Fact[]
  readonly otherwise: 'starved' | 'weaker'
  readonly why: string
}

const WHO: Need = { any: ['caller_identity'], otherwise: 'weaker', why: 'callers are told apart by address only' }
const WHERE: Need = { any: ['client_address'], otherwise: 'starved', why: 'all callers have one address' }
const ALL: Need = { any: ['unsampled'], otherwise: 'weaker', why: 'sampled records make counts and rates too low' }
const ASKED: Need = { any: ['request_body'], otherwise: 'starved', why: 'there are no request bodies' }
const ANSWERED: Need = { any: ['response_body'], otherwise: 'starved', why: 'there are no response bodies' }
const TOKENS: Need = { any: ['authorization'], otherwise: 'starved', why: 'there are no tokens' }
const SIZES: Need = { any: ['sizes'], otherwise: 'starved', why: 'there are no sizes' }

/** By detector id or family; the longest that fits counts. */
const NEEDS: Readonly<Record<string, readonly Need[]>> = {
  auth: [
    {
      any: ['login', 'request_body', 'authorization'],
      otherwise: 'starved',
      why: 'neither login bodies nor authorization headers are there',
    },
    ALL,
  ],
  'auth.missing': [
    { any: ['authorization', 'request_headers'], otherwise: 'starved', why: 'there are no authorization headers' },
  ],
  'auth.otp': [{ any: ['login', 'request_body'], otherwise: 'starved', why: 'there are no request bodies' }, ALL],
  'auth.token_forged': [TOKENS],
  'auth.token_hygiene': [TOKENS],
  'auth.token_theft': [{ ...WHO, otherwise: 'starved' }],
  object: [WHO, ALL],
  function: [WHO],
  property: [ANSWERED],
  'property.mass_assignment': [ASKED],
  consumption: [ALL],
  'consumption.size': [SIZES],
  'consumption.volume': [SIZES, ALL],
  flow: [WHO, ALL],
  injection: [{ any: ['request_body'], otherwise: 'weaker', why: 'only paths and queries can be looked at' }],
  leak: [ANSWERED],
  scan: [WHERE, ALL],
  scrape: [WHO, ALL],
  'scrape.exfiltration': [SIZES, WHO, ALL],
  graphql: [ASKED],
  smuggling: [{ any: [], otherwise: 'starved', why: 'framing is seen in packets only' }],
  regression: [ALL],
  'regression.security': [{ any: ['response_headers'], otherwise: 'starved', why: 'there are no headers of answers' }],
  'regression.latency': [{ any: ['duration'], otherwise: 'starved', why: 'there are no durations' }],
}

export interface Starved {
  readonly detector: string
  readonly state: 'starved' | 'weaker'
  readonly why: string
}

/** The detectors that see less, or nothing, with what these records say. */
export function starvedDetectors(ids: readonly string[], facts: ReadonlySet<Fact>): Starved[] {
  return ids.flatMap((detector) => {
    const missing = needsOf(detector).filter(({ any }) => !any.some((fact) => facts.has(fact)))
    if (missing.length === 0) return []
    const state = missing.some(({ otherwise }) => otherwise === 'starved') ? 'starved' : 'weaker'
    return [{ detector, state, why: missing.map(({ why }) => why).join('; ') }]
  })
}

/** Empty: it needs nothing that every record does not say. */
export function needsOf(detector: string): readonly Need[] {
  return NEEDS[detector] ?? NEEDS[detector.split('.', 1)[0]!] ?? []
}

/** What was there in some transaction, or cannot be told from records: that no sampling took place, unless the format says so. */
export function factsOf(transactions: readonly Transaction[], lacks: readonly Lack[]): Set<Fact> {
  const facts = new Set<Fact>()
  if (!lacks.includes('unsampled')) facts.add('unsampled')
  for (const transaction of transactions) noteFacts(transaction, facts)
  return facts
}

/** Adds what this one says. */
export function noteFacts(transaction: Transaction, facts: Set<Fact>): void {
  if (transaction.requestHeaders.length > 0) facts.add('request_headers')
  if (transaction.responseHeaders.length > 0) facts.add('response_headers')
  if (transaction.requestBody) facts.add('request_body')
  if (transaction.responseBody) facts.add('response_body')
  if (transaction.claims !== null || transaction.requestHeaders.some(isAuthorization)) facts.add('authorization')
  if (transaction.principal.kind !== 'ip') facts.add('caller_identity')
  if (transaction.clientIp !== NO_ADDRESS || transaction.forwarded.length > 0) facts.add('client_address')
  if (transaction.query !== '') facts.add('query')
  if (transaction.requestBodyBytes > 0 || transaction.responseBodyBytes > 0) facts.add('sizes')
  if (transaction.durationUs !== null) facts.add('duration')
  if (transaction.marks.some(({ kind }) => kind === 'login')) facts.add('login')
}

function isAuthorization([name]: readonly [string, string]): boolean {
  return name.toLowerCase() === 'authorization'
}

/** What stands for the address of a caller nobody knows. */
export const NO_ADDRESS = '0.0.0.0'
