import { expect, test } from 'vitest'
import { methodName } from './head.ts'

test('a method is named as it was sent, usual or not', () => {
  const names = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'TRACE', 'get', 'GEX', 'PURGE']
  for (const name of [...names, 'PROPFIND', 'P', 'DELETED', 'Q\x7f\xe9']) {
    const bytes = Buffer.from(`..${name} /`, 'latin1')
    expect(methodName(bytes, 2, 2 + name.length)).toBe(name)
  }
})
