import type { PayloadClass } from '../../daemon/payload/payload.ts'
import { type CorpusRequest, type CorpusSet, half } from './corpus-request.ts'
import { ENCODINGS, type Encoding } from './encodings.ts'
import {
  graphqlBody,
  NAMED_PLACEMENTS,
  PLACEMENTS,
  type Placement,
  rawForm,
  rawPath,
  rawQuery,
  xmlBody,
} from './placements.ts'
import { COMMAND } from './seeds/command.ts'
import { LFI, RFI, SSRF, TRAVERSAL } from './seeds/files.ts'
import { SQLI } from './seeds/sqli.ts'
import {
  CRLF,
  FINGERPRINT,
  GRAPHQL,
  LDAP,
  MAIL,
  NOSQLI,
  NOSQLI_KEYS,
  PROTOTYPE,
  PROTOTYPE_KEYS,
  SESSION_FIXATION,
  SESSION_FIXATION_KEYS,
  XXE,
} from './seeds/structures.ts'
import { CODE, DESERIALIZATION, JNDI, SSTI } from './seeds/templates.ts'
import { XSS } from './seeds/xss.ts'
import { TRICKS } from './tricks.ts'

/** One request with a payload in it, and what is known about it. */
export interface Attack {
  readonly class: PayloadClass
  readonly seed: string
  readonly placement: string
  readonly encoding: string
  readonly trick: string
  readonly request: CorpusRequest
}

interface Family {
  readonly class: PayloadClass
  readonly seeds: readonly string[]
  readonly keys?: readonly (readonly [string, string])[]
  /** Names of placements whose values such an interpreter gets to see. */
  readonly placements: readonly string[]
}

const URLS = ['path', 'query', 'form']
const HEADERS = ['user-agent', 'referer', 'referer query', 'x-forwarded-for', 'own header']
const BODIES = ['multipart', 'json', 'json in json', 'xml text', 'xml attribute', 'graphql variable']
/** What is stored, logged, or put into a statement may come from anywhere. */
const ANYWHERE = [...URLS, ...HEADERS, 'cookie', ...BODIES, 'file name', 'jwt claim']
/** What an application asks for by name is given to it by value: not by browser names or forwarding addresses. */
const VALUES = ['query', 'form', 'own header', 'cookie', ...BODIES]

const FAMILIES: readonly Family[] = [
  { class: 'sqli', seeds: SQLI, placements: ANYWHERE },
  { class: 'xss', seeds: XSS, placements: ANYWHERE },
  { class: 'command', seeds: COMMAND, placements: ANYWHERE },
  { class: 'traversal', seeds: TRAVERSAL, placements: [...VALUES, 'path', 'file name'] },
  { class: 'lfi', seeds: LFI, placements: VALUES },
  { class: 'rfi', seeds: RFI, placements: VALUES.filter((name) => name !== 'own header') },
  { class: 'ssrf', seeds: SSRF, placements: VALUES },
  { class: 'ssti', seeds: SSTI, placements: ANYWHERE },
  { class: 'jndi', seeds: JNDI, placements: ANYWHERE },
  { class: 'code', seeds: CODE, placements: VALUES },
  { class: 'deserialization', seeds: DESERIALIZATION, placements: VALUES },
  { class: 'xxe', seeds: XXE, placements: ['query', 'form', 'multipart', 'json', 'xml body'] },
  { class: 'nosqli', seeds: NOSQLI, keys: NOSQLI_KEYS, placements: VALUES },
  { class: 'ldap', seeds: LDAP, placements: VALUES },
  { class: 'mail', seeds: MAIL, placements: ['query', 'form', 'multipart', 'json', 'xml text', 'graphql variable'] },
  { class: 'crlf', seeds: CRLF, placements: ['path', 'query', 'form', 'cookie', 'json', 'referer query'] },
  {
    class: 'prototype',
    seeds: PROTOTYPE,
    keys: PROTOTYPE_KEYS,
    placements: ['query', 'form', 'cookie', 'json', 'json in json'],
  },
  {
    class: 'session_fixation',
    seeds: SESSION_FIXATION,
    keys: SESSION_FIXATION_KEYS,
    placements: ['query', 'form', 'json'],
  },
  { class: 'graphql', seeds: GRAPHQL, placements: ['graphql body'] },
  { class: 'fingerprint', seeds: FINGERPRINT, placements: ['user-agent'] },
]

export const ATTACK_CLASSES: readonly PayloadClass[] = FAMILIES.map((family) => family.class)

/** Every accepted combination of the set's seeds with tricks, encodings and placements, in a fixed order. */
export function* attacks(set: CorpusSet): Generator<Attack> {
  for (const family of FAMILIES) {
    for (const seed of half(family.seeds, set)) yield* combinations(family, seed)
    for (const [key, value] of family.keys === undefined ? [] : half(family.keys, set)) {
      for (const { name, put } of NAMED_PLACEMENTS) {
        yield {
          class: family.class,
          seed: `${key}=${value}`,
          placement: name.replace(', percent', ''),
          encoding: name.endsWith('percent') ? 'percent' : 'plain',
          trick: 'as a name',
          request: put(key, value),
        }
      }
    }
  }
}

function* combinations(family: Family, seed: string): Generator<Attack> {
  const written = new Set<string>()
  for (const { name: trick, classes, apply } of TRICKS) {
    if (trick !== 'none' && !classes.includes(family.class)) continue
    const text = apply(seed)
    if (written.has(text)) continue
    written.add(text)
    const common = { class: family.class, seed, trick }
    if (family.placements[0] === 'graphql body') {
      yield { ...common, placement: 'graphql body', encoding: 'plain', request: graphqlBody(text) }
      continue
    }
    if (family.placements.includes('xml body'))
      yield { ...common, placement: 'xml body', encoding: 'plain', request: xmlBody(text) }
    for (const placement of PLACEMENTS) {
      if (!family.placements.includes(placement.name)) continue
      for (const encoding of ENCODINGS) {
        if (!encoding.accepts(placement, family.class, text)) continue
        const request = requestOf(placement, encoding, text)
        if (request !== null) yield { ...common, placement: placement.name, encoding: encoding.name, request }
      }
    }
  }
}

/** Placements that carry bytes as they are, for encodings that a client must not touch. */
const RAW: Readonly<Record<string, (value: string) => CorpusRequest>> = {
  path: rawPath,
  query: rawQuery,
  form: rawForm,
}

function requestOf(placement: Placement, encoding: Encoding, text: string): CorpusRequest | null {
  const value = encoding.apply(text)
  if (!encoding.raw || placement.carrier === 'cookie') return placement.put(value)
  return RAW[placement.name]?.(value) ?? null
}
