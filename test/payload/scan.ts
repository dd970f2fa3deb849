import type { PayloadFinding, PayloadScanner } from '../../daemon/payload/scanner.ts'
import type { CorpusRequest } from './corpus-request.ts'
import { fakeHead } from './fake-head.ts'

const NOTHING: readonly PayloadFinding[] = []

/** What the scanner says of a request, asked as the daemon asks it: only what the literals let through is read. */
export function scan(
  scanner: PayloadScanner,
  { method, target, headers, body }: CorpusRequest,
): readonly PayloadFinding[] {
  const head = headBytes({ method, target, headers, body })
  const suspect = scanner.suspects(head, 0, head.length) || (body !== '' && scanner.suspectsText(body))
  return suspect ? scanner.request(fakeHead(method, target, headers), body) : NOTHING
}

export function headBytes({ method, target, headers }: CorpusRequest): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`)
}
