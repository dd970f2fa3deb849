/**
 * Which operation a request to a multiplexed endpoint asks for, from the text of its body: what GraphQL and JSON-RPC have instead of paths.
 * Read before the body is redacted, which costs far more; `isSecret` says what must not become a name.
 *
 *   `OrderDetail`        the name of a GraphQL operation
 *   `anonymous-3f2a91c0` a GraphQL document without one: a hash of it without its literals
 *   `ledger.getBalance`  the method of a JSON-RPC request
 *   `batch`              several at once
 */
export function rpcOperation(body: string, isSecret: (name: string) => boolean): string | null {
  const text = body.length > MAX_TEXT ? body.slice(0, MAX_TEXT) : body
  const first = text.charCodeAt(firstOf(text))
  if (first === BRACKET) return JSON_RPC.test(text) || documentOf(text) !== null ? 'batch' : null
  if (first !== BRACE) return null
  if (JSON_RPC.test(text)) {
    const method = METHOD.exec(text)?.[1]
    return method === undefined || isUnfit(method, isSecret) ? null : method
  }
  const document = documentOf(text)
  const name = OPERATION_NAME.exec(text)?.[1] ?? (document === null ? undefined : DOCUMENT_NAME.exec(document)?.[1])
  if (name !== undefined) return isUnfit(name, isSecret) ? null : name
  return document === null ? null : `anonymous-${hashOf(withoutLiterals(document))}`
}

const MAX_TEXT = 8192
const BRACE = 0x7b
const BRACKET = 0x5b
const QUOTE = 0x22
const BACKSLASH = 0x5c
const JSON_RPC = /"jsonrpc"\s{0,8}:\s{0,8}"/
const METHOD = /"method"\s{0,8}:\s{0,8}"([A-Za-z_$][\w.$/:-]{0,95})"/
const OPERATION_NAME = /"operationName"\s{0,8}:\s{0,8}"([_A-Za-z][\w:]{0,95})"/
const DOCUMENT = /"query"\s{0,8}:\s{0,8}"/
const DOCUMENT_NAME = /^(?:\s|\\[nrt]){0,64}(?:query|mutation|subscription)\s{1,8}([_A-Za-z][\w:]{0,95})/
const NUMBER = /\b\d[\d.]{0,32}/g

/** A secret, or the pseudonym of one in a body that is redacted already: one of many, so no name. */
function isUnfit(name: string, isSecret: (name: string) => boolean): boolean {
  return name.includes('hmac:') || isSecret(name)
}

function firstOf(text: string): number {
  let at = 0
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++
  return at
}

/** The GraphQL document as it stands in the JSON, escapes and all; null where there is none. */
function documentOf(text: string): string | null {
  const found = DOCUMENT.exec(text)
  if (found === null) return null
  const start = found.index + found[0].length
  let end = start
  while (end < text.length && text.charCodeAt(end) !== QUOTE) end += text.charCodeAt(end) === BACKSLASH ? 2 : 1
  return end > start ? text.slice(start, end) : null
}

/** A document, which is inside a string of JSON itself, with each of its strings and numbers as `_`. */
function withoutLiterals(document: string): string {
  // Every other piece between escaped quotes is a string's; a quote inside of it has three backslashes.
  const pieces = document.replaceAll('\\\\\\"', '_').split('\\"')
  return pieces.map((piece, index) => (index % 2 === 0 ? piece.replace(NUMBER, '_') : '_')).join('')
}

/** FNV-1a of the document, its blanks not counted, as eight hex digits. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x20) hash = Math.imul(hash ^ code, 0x01000193)
  }
  return (hash >>> 0).toString(16).padStart(8, '0')
}
