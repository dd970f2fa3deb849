import type { Exchange, Header } from '../exchange.ts'

/** The request as it is sent (RFC 9112). */
export function requestBytes(exchange: Exchange): Buffer {
  const { method, path, query, requestHeaders, requestBody, uploadBytes } = exchange
  const line = `${method} ${path}${query === '' ? '' : `?${query}`} HTTP/1.1`
  return withBytes(`${line}\r\n${fields(requestHeaders)}\r\n${requestBody}`, uploadBytes)
}

export function responseBytes(exchange: Exchange): Buffer {
  const { status, responseHeaders, responseBody, binaryBytes } = exchange
  const line = `HTTP/1.1 ${status} ${REASONS[status] ?? 'Whatever'}`
  return withBytes(`${line}\r\n${fields(responseHeaders)}\r\n${responseBody}`, binaryBytes)
}

function withBytes(text: string, more: number): Buffer {
  return more === 0 ? Buffer.from(text) : Buffer.concat([Buffer.from(text), Buffer.alloc(more, NO_TEXT)])
}

function fields(headers: readonly Header[]): string {
  let text = ''
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`
  return text
}

/** A byte that no text begins with. */
const NO_TEXT = 0x9d

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  303: 'See Other',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}
