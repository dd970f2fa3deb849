/**
 * What the payload checks have in common. A request or response is cut into fields, each field is unwrapped (percent,
 * entities, base64 … to a fixpoint), and the checks whose literals stand in it look at its text. A check does not match
 * patterns alone: it reads the text as the interpreter would that the attack is meant for.
 */

/** Attacks on an interpreter, by the ids of analyzers/detector-ids.ts after `injection.`; then, from `leak_stack`, what answers give away. */
export const PAYLOAD_CLASSES = [
  'sqli',
  'nosqli',
  'xss',
  'command',
  'code',
  'traversal',
  'lfi',
  'rfi',
  'ssti',
  'xxe',
  'jndi',
  'ssrf',
  'ldap',
  'mail',
  'crlf',
  'deserialization',
  'prototype',
  'session_fixation',
  'graphql',
  'fingerprint',
  'leak_stack',
  'leak_sql_error',
  'leak_source',
  'leak_listing',
  'leak_secret',
] as const

export type PayloadClass = (typeof PAYLOAD_CLASSES)[number]

/** Where a field stands in its message. */
export type Place =
  | 'path'
  | 'query'
  | 'header'
  | 'cookie'
  | 'claim'
  | 'form'
  | 'multipart'
  | 'json'
  | 'xml'
  | 'graphql'
  | 'text'
  | 'response'

/** One value that a caller could choose, as it was sent. */
export interface Field {
  readonly place: Place
  /**
   * `path`, `path:2` (segment), `query:q`, `header:user-agent`, `cookie:sid`, `claim:/sub`, `body:/items/[]/name`, `body:name` (form),
   * `body:avatar` and `body:avatar.filename` (multipart). Indexes of arrays are `[]`, so that the names of an endpoint's fields are few.
   */
  readonly name: string
  /** The last part of the name as it was sent, itself chosen by the caller: `user[$ne]`. Empty where there is none. */
  readonly key: string
  readonly value: string
  /** The whole of a document whose values are fields of their own: only checks that ask for documents look at it. */
  readonly document?: boolean
}

/** What was taken off a value to get at its text, outermost first. */
export type Layer = 'percent' | 'entities' | 'escapes' | 'overlong' | 'base64' | 'nul'

export interface Unwrapped {
  readonly text: string
  readonly layers: readonly Layer[]
}

/** Something in a field that an attack of the class would have. */
export interface Evidence {
  /** Which rule of the check, `sqli.tautology`: what a field normally carries is learnt for each rule. */
  readonly rule: string
  /**
   * Natural log of how much likelier it is in an attack than in benign text of a field nobody knows. About 2: worth noting (a quote before
   * a number); 5: odd; 9 and more: nothing benign looks like this.
   */
  readonly logOdds: number
  /** The piece that showed it, as in the unwrapped text; the scanner shortens and masks it. */
  readonly excerpt: string
  /** The tokens that mattered, as the check reads them: `s & n o n`. */
  readonly tokens: string
  /** The interpreter would run it in the midst of this very sentence: nobody who only talks about it writes it so. */
  readonly works?: boolean
  /** For checks of several classes, which say of themselves how sure they are, whatever the text reads like. */
  readonly class?: PayloadClass
}

/** Looks for one class of payload. Pure: no state, no clock; linear in the text, which has a bounded length. */
export interface PayloadCheck {
  readonly class: PayloadClass
  /**
   * Lower-case ASCII; a run of white space is one space, which is also what `+` is. One of them must stand in whatever the check can find, or the
   * check is never asked. The rarer the better: common ones cost time on benign traffic, though never a false alarm. At least 2 characters;
   * a line feed alone stands for the end of a line inside of a value.
   */
  readonly literals: readonly string[]
  /** Of requests, or of responses. */
  readonly side: 'request' | 'response'
  /** It looks for the structure of a document, not for what stands in its values. */
  readonly documents?: boolean
  /** A new message is looked at. */
  begin?(): void
  /** The strongest evidence first; at most four. */
  check(unwrapped: Unwrapped, field: Field): readonly Evidence[]
}

export const NO_EVIDENCE: readonly Evidence[] = []
