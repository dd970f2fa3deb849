import type { Head } from '../../daemon/http/exchange.ts'
import type { Header } from '../../daemon/model/transaction.ts'

/** A head for tests, without the bytes it would be parsed from. */
export function fakeHead(method: string, target: string, headers: readonly Header[] = []): Head {
  const all = (name: string) => headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
  return {
    method,
    target,
    status: 0,
    version: '1.1',
    latin1: false,
    headerCount: headers.length,
    header: (name) => all(name)[0] ?? null,
    headerAll: all,
    headers: () => [...headers],
  }
}
