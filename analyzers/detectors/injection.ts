import type { DetectorDeclaration } from '../detector.ts'
import { type PayloadKind, payloadDetector } from './injection/payload-detector.ts'

const SHARED_TRAPS =
  'A field that many callers fill with the like (an editor, a search for code) learns it; until it has, its first uses are signals. Missed: what is longer than 64 KiB, compressed more than twice, encrypted, or stored now and used elsewhere.'

/** A class, its words, and what looks alike. */
function kind(
  name: string,
  noun: string,
  detects: string,
  traps: string,
  also: { readonly id?: PayloadKind['id']; readonly rules?: readonly string[] } = {},
): PayloadKind {
  const id = also.id ?? (`injection.${name}` as PayloadKind['id'])
  return {
    id,
    class: name,
    ...(also.rules === undefined ? {} : { rules: new Set(also.rules) }),
    name: noun,
    title: `${noun} in what a caller sends`,
    detects,
    traps: `${traps} ${SHARED_TRAPS}`,
  }
}

const KINDS: readonly PayloadKind[] = [
  kind(
    'sqli',
    'SQL injection',
    'SQL where a value belongs: a quote that ends the string and goes on with a condition, union selects, stacked statements, comments that cut a statement off, delays, functions that read the schema or files.',
    'Names with apostrophes, prose about SQL, filters that look like conditions. Missed: a condition without quote, comment or operator.',
  ),
  kind(
    'nosqli',
    'NoSQL injection',
    'Operators of document databases where a value belongs: $ne, $gt, $where and their like as keys of JSON or forms, JavaScript in $where.',
    'APIs that offer such filters on purpose, money written $10.',
  ),
  kind(
    'xss',
    'Cross-site scripting',
    'Markup that runs script: script elements, event handlers, javascript: links, payloads that break out of attributes and strings.',
    'HTML editors, Markdown, mail bodies, comparisons with < and >.',
  ),
  kind(
    'command',
    'Shell command injection',
    'A shell metacharacter and a command behind it, with an argument or a substitution; quotes, wildcards and ${IFS} that disguise it.',
    'Prose with semicolons, build scripts, user agents, queries whose parameters are named like programs. Command lines that people write or look for begin with a program and its arguments (`ps aux | grep node`), and an injection does not: they are faint, unless they reach for passwords, sockets, shells, addresses without a name or all files. An injection that begins like one passes in a field for texts.',
  ),
  kind(
    'code',
    'Code injection',
    'Calls that evaluate code or start programs in PHP, Python, Ruby, Node and Java.',
    'Code editors, bug reports with code in them.',
  ),
  kind(
    'traversal',
    'Path traversal',
    'Climbing out of a folder: ../ in every encoding, towards a file worth reading.',
    'Relative links, imports in source text, version ranges.',
  ),
  kind(
    'lfi',
    'Local file inclusion',
    'Files of the server named outright: /etc/passwd, /proc, wrappers such as php:// and file://.',
    'Documentation that names such files.',
  ),
  kind(
    'rfi',
    'Remote file inclusion',
    'The address of a script elsewhere where a local name belongs.',
    'Links, callbacks and webhooks that callers set on purpose.',
  ),
  kind(
    'ssti',
    'Template injection',
    'Template delimiters with an expression between them: arithmetic that proves it, objects that lead to the interpreter.',
    'Templates that callers write on purpose, front ends that send {{ placeholders }}.',
  ),
  kind(
    'xxe',
    'XML external entity',
    'Document types with external or nested entities, XInclude, stylesheets from elsewhere.',
    'Documents with a public document type.',
  ),
  kind(
    'jndi',
    'JNDI lookup',
    'Lookups of Log4j and the like (${jndi:ldap://…}), also put together from nested lookups.',
    'Shell and build variables in ${…}.',
  ),
  kind(
    'ssrf',
    'Server-side request forgery',
    'Addresses inside the network or of metadata services where a caller may name an address: integer, octal, hexadecimal and mixed notations, user info that hides the host.',
    'Development hosts, webhooks to internal addresses set on purpose.',
  ),
  kind(
    'ldap',
    'LDAP injection',
    'Filter syntax that ends a value and adds conditions.',
    'Mathematics and prose with brackets.',
  ),
  kind(
    'mail',
    'Mail header injection',
    'A line break and a mail header in a field of a mail form; without an address in it where a field has one line, or the line break was encoded on purpose.',
    'Quoted mail in a message body.',
  ),
  kind(
    'crlf',
    'Response splitting',
    'A line break and a response header, or a whole second answer, in a value.',
    'Text with several lines.',
  ),
  kind(
    'deserialization',
    'Serialised object',
    'Serialised objects of Java, PHP, Python, .NET, Ruby and Node where a value belongs, gadget classes named.',
    'View states and caches that an application hands out itself.',
  ),
  kind(
    'prototype',
    'Prototype pollution',
    '__proto__ and constructor.prototype as names of fields.',
    'Prose about JavaScript.',
  ),
  kind(
    'session_fixation',
    'Session fixation',
    'A session id that a link brings along, or markup that sets a cookie.',
    'Servers that put session ids into links themselves.',
  ),
  kind(
    'fingerprint',
    'Attack tool',
    'A program that looks for weaknesses, by its name in the user agent or in headers of its own.',
    'Your own scans: exempt their caller in the policy (unless). Missed: tools that call themselves a browser.',
    { id: 'scan.fingerprint' },
  ),
  kind(
    'graphql',
    'GraphQL introspection',
    'A question about the whole schema from a caller of an endpoint whose others never ask.',
    'Development tools; by itself it is no signal until the endpoint is known.',
    { id: 'graphql.introspection', rules: ['graphql.introspection'] },
  ),
  kind(
    'graphql',
    'GraphQL batching',
    'A document with more than 50 aliases or 100 directives, or more than 20 documents in one request: many guesses, or much work, at once. From 16 aliases or 11 documents on where nobody else of 180 callers sends so many.',
    'Generated clients that fetch a page with one document.',
    { id: 'graphql.batching', rules: ['graphql.aliases', 'graphql.documents'] },
  ),
  kind(
    'graphql',
    'GraphQL depth',
    'A document nested more than 20 deep: a small request that costs the server a large answer. From 10 deep on where nobody else of 180 callers asks so deep.',
    'Generated clients that select everything.',
    { id: 'graphql.depth', rules: ['graphql.depth'] },
  ),
]

/** Attacks on an interpreter, one detector for each class. */
export const injectionDetectors: readonly DetectorDeclaration[] = KINDS.map(payloadDetector)
