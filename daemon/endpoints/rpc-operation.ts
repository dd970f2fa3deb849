/**
 * Which operation a request to a multiplexed endpoint asks for, from the text of its body: what GraphQL and JSON-RPC have instead of paths.
 *
 *   `OrderDetail`        the name of a GraphQL operation
 *   `anonymous-3f2a91c0` a GraphQL document without one: a hash of it without its literals
 *   `ledger.getBalance`  the method of a JSON-RPC request
 *   `batch`              several at once
 */
export function rpcOperation(body: string): string | null {
  const text = body.length > MAX_TEXT ? body.slice(0, MAX_TEXT) : body
  const start = text.trimStart()
  if (start.startsWith('[')) return JSON_RPC.test(text) || DOCUMENT.test(text) ? 'batch' : null
  if (!start.startsWith('{')) return null
  if (JSON_RPC.test(text)) return METHOD.exec(text)?.[1] ?? null
  const named = OPERATION_NAME.exec(text)?.[1]
  if (named !== undefined) return named
  const document = DOCUMENT.exec(text)
  if (document === null) return null
  return DOCUMENT_NAME.exec(document[1]!)?.[1] ?? `anonymous-${hashOf(withoutLiterals(document[1]!))}`
}

/** Whether a path is one that such requests go to. */
export function isMultiplexed(path: string): boolean {
  return MULTIPLEXED.test(path)
}

const MAX_TEXT = 8192
const MULTIPLEXED = /\/(?:graphql|gql|graph|rpc|json-?rpc)\/?$/i
const JSON_RPC = /"jsonrpc"\s{0,8}:\s{0,8}"/
const METHOD = /"method"\s{0,8}:\s{0,8}"([A-Za-z_$][\w.$/:-]{0,95})"/
const OPERATION_NAME = /"operationName"\s{0,8}:\s{0,8}"([_A-Za-z]\w{0,95})"/
const DOCUMENT = /"query"\s{0,8}:\s{0,8}"((?:[^"\\]|\\.){1,8192})/
const DOCUMENT_NAME = /^(?:\s|\\[nrt]){0,64}(?:query|mutation|subscription)\s{1,8}([_A-Za-z]\w{0,95})/
const NUMBER = /\b\d[\d.]{0,32}/g

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
