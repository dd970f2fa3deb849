import type { Exchange, Header } from '../exchange.ts'

/** The request as it is sent (RFC 9112). */
export function requestText(exchange: Exchange): string {
  const { method, path, query, requestHeaders, requestBody } = exchange
  return `${method} ${path}${query === '' ? '' : `?${query}`} HTTP/1.1\r\n${fields(requestHeaders)}\r\n${requestBody}`
}

export function responseText(exchange: Exchange): string {
  const { status, responseHeaders, responseBody } = exchange
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Whatever'}\r\n${fields(responseHeaders)}\r\n${responseBody}`
}

function fields(headers: readonly Header[]): string {
  let text = ''
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`
  return text
}

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
