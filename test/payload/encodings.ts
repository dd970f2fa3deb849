import type { PayloadClass } from '../../daemon/payload/payload.ts'
import type { Placement } from './placements.ts'

/**
 * Encodings of a whole value. Each says where something on the way to an interpreter takes it off; elsewhere the payload would arrive as
 * text, which is no attack.
 */
export interface Encoding {
  readonly name: string
  readonly accepts: (placement: Placement, of: PayloadClass, text: string) => boolean
  /** Put into the request as it is, without the encoding that a client would add. */
  readonly raw: boolean
  readonly apply: (text: string) => string
}

const hex = (code: number, width: number) => code.toString(16).padStart(width, '0')

function percent(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${hex(byte, 2)}`).join('')
}

/** Two bytes where one would do (RFC 3629 §3 forbids it); only what opens a path or a tag, the rest stays. */
function overlong(text: string): string {
  const bytes = [...Buffer.from(text)].map((byte) =>
    /[./\\<>"']/.test(String.fromCharCode(byte))
      ? `%${hex(0xc0 | (byte >> 6), 2)}%${hex(0x80 | (byte & 0x3f), 2)}`
      : /\w/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `%${hex(byte, 2)}`,
  )
  return bytes.join('')
}

/** Structures whose text must not hold escapes of another kind. */
const ASCII = /^[\t\n\r\x20-\x7e]+$/

/** Placements where applications put state of their own. */
const KEEPS_STATE = new Set([
  'path',
  'query',
  'form',
  'own header',
  'cookie',
  'json',
  'json in json',
  'xml text',
  'graphql variable',
])

export const ENCODINGS: readonly Encoding[] = [
  { name: 'plain', accepts: () => true, raw: false, apply: (text) => text },
  // Every URL decoder takes off one layer; frameworks and most cookie parsers decode cookies once.
  { name: 'percent', accepts: ({ carrier }) => carrier === 'url' || carrier === 'cookie', raw: true, apply: percent },
  // A proxy decodes, then the application does (CVE-2001-0333 and many since).
  {
    name: 'double percent',
    accepts: ({ carrier }) => carrier === 'url',
    raw: true,
    apply: (text) => percent(percent(text)),
  },
  // ASP and IIS, and old browsers' escape().
  {
    name: '%u',
    accepts: ({ carrier }, _, text) => carrier === 'url' && ASCII.test(text),
    raw: true,
    apply: (text) => [...text].map((c) => (/\w/.test(c) ? c : `%u${hex(c.charCodeAt(0), 4)}`)).join(''),
  },
  // XML parsers decode them in every value; elsewhere a browser does, inside of attributes, and sanitizers before they store.
  {
    name: 'entities',
    accepts: ({ carrier }, of, text) =>
      ASCII.test(text) && (carrier === 'xml' || (of === 'xss' && carrier !== 'claim')),
    raw: false,
    apply: (text) =>
      [...text]
        .map((c, i) => (/\w/.test(c) ? c : i % 2 ? `&#${c.charCodeAt(0)};` : `&#x${hex(c.charCodeAt(0), 1)};`))
        .join(''),
  },
  // JSON parsers decode them; JavaScript does in its strings.
  {
    name: 'unicode escapes',
    accepts: ({ carrier }, of, text) =>
      ASCII.test(text) && (carrier === 'json' || carrier === 'graphql' || (of === 'xss' && carrier === 'url')),
    raw: false,
    apply: (text) => [...text].map((c) => (/\w/.test(c) ? c : `\\u${hex(c.charCodeAt(0), 4)}`)).join(''),
  },
  // Servers that decode UTF-8 by adding up bits (CVE-2000-0884, CVE-2008-2938).
  {
    name: 'overlong',
    accepts: ({ carrier }, of, text) =>
      carrier === 'url' &&
      ASCII.test(text) &&
      /[./\\<>"']/.test(text) &&
      (of === 'traversal' || of === 'xss' || of === 'sqli'),
    raw: true,
    apply: overlong,
  },
  // Applications that keep state in base64 decode the whole value; too short a text is a word, and what is base64 already is decoded once.
  {
    name: 'base64',
    accepts: ({ name }, _, text) =>
      KEEPS_STATE.has(name) && ASCII.test(text) && text.length >= 9 && !/^[\w+/]{16,}={0,2}$/.test(text),
    raw: false,
    apply: (text) => Buffer.from(text).toString('base64'),
  },
]
