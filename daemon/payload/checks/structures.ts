import { type Evidence, NO_EVIDENCE, type PayloadCheck } from '../payload.ts'
import { firstOf, one } from './first-of.ts'

/** Entities that make a parser read files or other hosts, or grow without end. */
export const xxe: PayloadCheck = {
  class: 'xxe',
  side: 'request',
  documents: true,
  literals: ['<!entity', '<!doctype', 'xi:include', 'xinclude', '<?xml-stylesheet', 'xsl:', '!entity'],
  check: ({ text }) =>
    firstOf(text, 'xxe', [
      ['external', 12, /<!ENTITY\s{1,16}(?:%\s{1,16})?[\w.:-]{1,64}\s{1,16}(?:SYSTEM|PUBLIC)\s/i],
      ['expansion', 10, /<!ENTITY\s{1,16}[\w.:-]{1,64}\s{1,16}["'](?:&[\w.:-]{1,32};){2}/i],
      [
        'external_dtd',
        9,
        /<!DOCTYPE\s{1,16}[\w.:-]{1,64}\s{1,16}(?:SYSTEM|PUBLIC)\s{1,16}["'](?:(?!-\/\/W3C)[^"']{1,200})["']/i,
      ],
      ['include', 10, /<(?:\w{1,16}:)?include\s[^<>]{0,200}href\s{0,4}=/i],
      ['entity', 8, /<!ENTITY\s{1,16}(?:%\s{1,16})?[\w.:-]{1,64}\s/i],
      ['script', 8, /<xsl:value-of\s[^<>]{0,100}system-property|<\w{1,16}:script\b/i],
    ]),
}

/** Operators where a value should be: `user[$ne]=`, `{"$where": "…"}`, and JavaScript for a database. */
export const nosqli: PayloadCheck = {
  class: 'nosqli',
  side: 'request',
  documents: true,
  literals: [
    '$ne',
    '$gt',
    '$lt',
    '$eq',
    '$in',
    '$nin',
    '$or',
    '$and',
    '$nor',
    '$not',
    '$where',
    '$regex',
    '$exists',
    '$expr',
    '$func',
    '$type',
    '$jsonschema',
    '$elemmatch',
    '$accumulator',
    '$xor',
    '$mod',
    '$size',
    '$all',
    '||',
    '&&',
    "';",
    "'; ",
    'this.',
    'db.',
    'function()',
    'function ()',
  ],
  check: ({ text }, field): readonly Evidence[] => {
    const operator = OPERATOR_KEY.exec(field.key)
    if (operator !== null) {
      // A query language of the API's own may have them in its body; no form or query string has.
      const logOdds = /where|function|accumulator|expr/i.test(operator[0])
        ? 10
        : field.place === 'query' || field.place === 'form'
          ? 9
          : 7
      return [{ rule: 'nosqli.operator', logOdds, excerpt: `${field.key}=${text}`.slice(0, 120), tokens: operator[0] }]
    }
    return firstOf(text, 'nosqli', NOSQL)
  },
}

const OPERATOR_KEY =
  /(?:^|\[|\.|%5b)\$(?:ne|gte?|lte?|eq|n?in|x?or|and|nor|not|where|regex|exists|expr|function|accumulator|jsonSchema|elemMatch|mod|type|size|all)\b/i
const NOSQL: readonly (readonly [string, number, RegExp])[] = [
  ['script', 10, /^\s{0,4}\$where\s{0,4}:/i],
  ['document', 10, /\{\s{0,4}["']?\$(?:ne|gte?|lte?|eq|n?in|or|and|nor|not|where|regex|exists|expr)["']?\s{0,4}:/i],
  [
    'script',
    10,
    /["'`]\s{0,4}(?:\|\||&&|;)\s{0,4}(?:this\.\w|return\b|sleep\s{0,2}\(|db\.\w|\(?function|1\s{0,2}==|["'`]\w{0,16}["'`]\s{0,2}==|true\b|tojson)/i,
  ],
  [
    'script',
    9,
    /^\s{0,4}(?:this\.\w{1,64}\s{0,4}(?:==|!=|\.match)|function\s{0,4}\(\)\s{0,4}\{\s{0,8}(?:return|var|this|sleep|while|db)|db\.\w{1,64}\.(?:find|drop|insert|remove|update)\w{0,16}\()/,
  ],
  [
    'script',
    9,
    /["'`]\s{0,4}(?:\|\||&&)\s{0,4}[\w.'"`$]{1,40}\s{0,4}(?:[=!]==?|\.match\s{0,4}\(|\.test\s{0,4}\()|["'`]\s{0,4};\s{0,4}(?:while|for|do)\s{0,4}[({]|;\s{0,4}return\s{1,4}(?:db\.|this\.|true)/,
  ],
  ['comparison', 8, /["'`]\s{0,4}(?:\|\||&&)\s{0,4}["'`]\w{0,16}["'`]?\s{0,4}={1,3}\s{0,4}["'`]/],
]

/** A filter of RFC 4515 that the value ends and goes on with: `*)(uid=*))(|(uid=*`. */
export const ldap: PayloadCheck = {
  class: 'ldap',
  side: 'request',
  literals: [')(', '(|', '(&', '*)', '(!', 'objectclass', ')('],
  check: ({ text, layers }) =>
    firstOf(layers.includes('nul') ? `${text}%00` : text, 'ldap', [
      ['filter', 11, /^[^()]{0,64}\){1,3}\s{0,4}\([(|&!\s]{0,6}\w{1,32}\s{0,2}[~<>]?=/],
      ['filter', 10, /\(\s{0,4}[|&]\s{0,4}\(\s{0,4}\w{1,32}\s{0,2}[~<>]?=[^()]{0,64}\)/],
      ['wildcard', 9, /^[\w@.-]{0,32}\*?\)\s{0,4}\(\s{0,4}[|&]|^[\w*=]{0,32}\){1,3}%00$|^\*\){1,4}\(/],
      ['object_class', 9, /\(objectclass=\*?/i],
      ['wildcard', 5, /^\*(?:\)|$)|^\w{1,32}\*\)/],
    ]),
}

/** Names that reach the prototype all objects share (CWE-1321). */
export const prototype: PayloadCheck = {
  class: 'prototype',
  side: 'request',
  documents: true,
  literals: ['__proto__', 'constructor', 'prototype'],
  check: ({ text }, field): readonly Evidence[] => {
    const key = /__proto__|constructor(?:\]|%5d|\.|\[|\/){1,3}(?:\[|%5b)?prototype/i.exec(`${field.name} ${field.key}`)
    if (key !== null)
      return [{ rule: 'prototype.name', logOdds: 11, excerpt: `${field.key}=${text}`.slice(0, 120), tokens: key[0] }]
    return firstOf(text, 'prototype', [
      ['document', 10, /["']?__proto__["']?\s{0,4}[:\][.]/],
      ['document', 10, /["']?constructor["']?\s{0,4}:\s{0,4}\{\s{0,4}["']?prototype["']?\s{0,4}:/],
      ['path', 9, /(?:^|[.[])(?:__proto__|constructor[.\]["']{1,4}prototype)[.\]["']/],
    ])
  },
}

const GOES_ON = /service|return|redirect|next|continue|goto|target|referr?er|relay|callback|back|ur[il]$|^(?:to|from)$/i
const LOGIN_WITH_ID =
  /^https?:\/\/[^\s?#]{1,200}\/(?:log-?in|sign-?in|log-?on|auth)[\w./-]{0,32};jsessionid=[\w.!-]{1,64}$/i

/** A session id that the link brings along (CWE-384), or a cookie set by markup. */
export const sessionFixation: PayloadCheck = {
  class: 'session_fixation',
  side: 'request',
  literals: [
    'jsessionid',
    'phpsessid',
    'aspsessionid',
    'asp.net_sessionid',
    'set-cookie',
    'document.cookie',
    'cftoken',
    'connect.sid',
    'laravel_session',
  ],
  check: ({ text }, field): readonly Evidence[] => {
    const named =
      /^(?:jsessionid|phpsessid|aspsessionid\w{0,16}|asp\.net_sessionid|cftoken|connect\.sid|laravel_session)$/i.exec(
        field.key,
      )
    if (named !== null && (field.place === 'query' || field.place === 'form'))
      return [
        {
          rule: 'session_fixation.parameter',
          logOdds: 7,
          excerpt: `${field.key}=${text.slice(0, 8)}`,
          tokens: named[0],
        },
      ]
    return firstOf(text, 'session_fixation', [
      ['markup', 11, /<meta\s[^<>]{0,100}set-cookie/i],
      ['script', 10, /document\.cookie\s{0,4}=\s{0,4}["'`][^"'`]{0,64}sess/i],
      // To where somebody is to sign in with it; what says where to go next holds such links of itself.
      ...(field.place === 'header' || GOES_ON.test(field.key) ? [] : [['login', 8, LOGIN_WITH_ID] as const]),
      ['path', 5, /;jsessionid=[\w.!-]{1,64}$/i],
    ])
  },
}

/**
 * From how many on a request asks for much, and for more than any client: levels of a document, names for the same field, documents at once
 * (to spare themselves round trips most clients send ten at most).
 */
const DEEP = [10, 21] as const
const MANY_ALIASES = [16, 51] as const
const MANY_DOCUMENTS = [11, 21] as const
/** Much is odd where none of many callers asks for as much; more than any client asks for is odd anywhere. */
const MUCH = [5.5, 8] as const
const MOST_DIRECTIVES = 100
/** Of the request that is being looked at. */
let documents = 0

/** Questions about the schema, suggestions mined, and documents that multiply the server's work, or many documents at once. */
export const graphql: PayloadCheck = {
  class: 'graphql',
  side: 'request',
  begin: () => {
    documents = 0
  },
  literals: ['__schema', '__type', 'query {', 'query{', 'query ', 'mutation ', 'mutation{', 'fragment ', '{ '],
  check: ({ text }, field): readonly Evidence[] => {
    if (field.place !== 'graphql' && !(field.place === 'query' && field.key === 'query')) return NO_EVIDENCE
    const many = MANY_DOCUMENTS.findIndex((least) => least === documents + 1)
    documents++
    if (many >= 0) {
      const tokens = `${documents} documents or more`
      return [{ rule: 'graphql.documents', logOdds: MUCH[many]!, excerpt: text.slice(0, 120), tokens }]
    }
    const introspection = /\b__schema\s{0,8}[{(]|\b__type\s{0,8}\(/.exec(text)
    if (introspection !== null) return one('graphql.introspection', MUCH[0], text, introspection)
    const { depth, aliases, repeats } = shapeOf(text)
    const tokens = `depth ${depth}, aliases ${aliases}`
    const excerpt = text.slice(0, 120)
    if (depth >= DEEP[0]) return [{ rule: 'graphql.depth', logOdds: MUCH[depth >= DEEP[1] ? 1 : 0], excerpt, tokens }]
    const most = aliases >= MANY_ALIASES[1] || repeats > MOST_DIRECTIVES
    if (most || aliases >= MANY_ALIASES[0])
      return [{ rule: 'graphql.aliases', logOdds: MUCH[most ? 1 : 0], excerpt, tokens }]
    return NO_EVIDENCE
  },
}

function shapeOf(text: string): { depth: number; aliases: number; repeats: number } {
  let depth = 0
  let now = 0
  let aliases = 0
  let round = 0
  let repeats = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '{') depth = Math.max(depth, ++now)
    else if (c === '}') now--
    else if (c === '(') round++
    else if (c === ')') round--
    else if (c === '@') repeats++
    // Outside of arguments a colon is an alias's.
    else if (c === ':' && round <= 0) aliases++
  }
  return { depth, aliases, repeats }
}

/** Programs that look for weaknesses, by what they write into their requests. */
export const fingerprint: PayloadCheck = {
  class: 'fingerprint',
  side: 'request',
  literals: [
    'sqlmap',
    'nikto',
    'nmap',
    'nuclei',
    'masscan',
    'zgrab',
    'gobuster',
    'dirbuster',
    'feroxbuster',
    'ffuf',
    'wfuzz',
    'wpscan',
    'acunetix',
    'nessus',
    'openvas',
    'burp',
    'zaproxy',
    'zap',
    'arachni',
    'w3af',
    'havij',
    'hydra',
    'skipfish',
    'whatweb',
    'jaeles',
    'xray',
    'netsparker',
    'invicti',
    'qualys',
    'rapid7',
    'appscan',
    'dirb',
    'commix',
    'xsser',
    'jndiexploit',
    'projectdiscovery',
    'interactsh',
    'l9explore',
    'censys',
    'shodan',
    'paros',
    'morfeus',
    'muieblackcat',
    'jorgee',
    'fuzz faster',
    'httpx -',
    'katana',
    'vega/',
    'kiterunner',
    'x-scanner',
  ],
  check: ({ text }, field) => {
    if (field.name !== 'header:user-agent' && !field.name.startsWith('header:x-')) return NO_EVIDENCE
    return firstOf(text, 'fingerprint', [
      [
        'attack_tool',
        8,
        /\b(?:sqlmap|nikto|nuclei|gobuster|dirbuster|feroxbuster|ffuf|fuzz faster u fool|wfuzz|wpscan|acunetix|openvas|arachni|w3af|havij|hydra|skipfish|jaeles|netsparker|invicti|commix|xsser|jndiexploit|morfeus|muieblackcat|jorgee|kiterunner|l9explore|dirb|paros|vega)\b/i,
      ],
      [
        'scanner',
        5,
        /\b(?:nmap|masscan|zgrab|whatweb|nessus|qualys|rapid7|appscan|zaproxy|owasp zap|burp|xray|projectdiscovery|interactsh|katana|httpx - )\b/i,
      ],
      ['survey', 2, /\b(?:censys|shodan|internetmeasurement|expanse)\b/i],
    ])
  },
}
