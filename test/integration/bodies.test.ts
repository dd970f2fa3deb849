import { beforeAll, expect, test } from 'vitest'
import { captureNotes } from './capture-notes.ts'
import { ensureBuilt, lines } from './program.ts'

interface Bodies {
  readonly path: string
  readonly request_body?: string
  readonly response_body?: string
  readonly response_headers: readonly (readonly [string, string])[]
  readonly truncated: readonly string[]
}

async function bodiesOf(name: string, ...options: string[]): Promise<Bodies[]> {
  const { path } = captureNotes().find((capture) => capture.name === name)!
  return (await lines(['replay', path, '--emit', 'transactions', ...options])).map((line) => JSON.parse(line) as Bodies)
}

beforeAll(ensureBuilt)

test('gzip, both forms of deflate, br and gzip in chunks all print the text the server had', async () => {
  const read = await bodiesOf('content-encodings')
  expect(read.length).toBe(5)
  for (const one of read) {
    const orders = JSON.parse(one.response_body!) as { id: number; note: string }[]
    expect(orders.map((order) => order.id)).toEqual(Array.from({ length: 40 }, (_, i) => 1000 + i))
  }
})

test('request bodies print as sent', async () => {
  const read = await bodiesOf('post-bodies')
  expect(read[0]!.request_body).toBe('name=Ada&quantity=2')
  expect(read[1]!.request_body).toBe('{"name":"Ada","items":[1,2,3]}')
  expect(read[2]!.request_body).toContain('filename="note.txt"')
})

test('a body with every byte value is marked binary and not printed', async () => {
  const [every, inside] = await bodiesOf('body-binary')
  expect([every!.response_body, every!.truncated]).toEqual(['', ['binary']])
  expect(inside!.response_body).toContain('HTTP/1.1 500 Not Real')
})

test('made-up secrets of the captures are in no printed line', async () => {
  for (const name of ['credentials', 'secret-in-target', 'redirect-token']) {
    const { path } = captureNotes().find((capture) => capture.name === name)!
    for (const line of await lines(['replay', path, '--emit', 'transactions'])) {
      expect(line).not.toMatch(/made-up-(password|token|opaque|key|session|code)|bm90LWEtcmVhbC1zaWduYXR1cmU/)
    }
  }
})

test('with --bodies none there is no body field', async () => {
  for (const one of await bodiesOf('post-bodies', '--bodies', 'none')) {
    expect(Object.keys(one)).not.toContain('request_body')
    expect(Object.keys(one)).not.toContain('response_body')
  }
})
