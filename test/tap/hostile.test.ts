import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { shippedPresets } from '../../daemon/tap/presets.ts'
import { decode, fixtureLines } from './decode.ts'

const names = shippedPresets()
  .map(({ name }) => name)
  .filter((name) => name !== 'native')

/** Values that take the place of any value of a record. */
const STRANGE = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    '',
    '-',
    -1,
    0,
    1e308,
    '9'.repeat(400),
    'x'.repeat(70_000),
    '\0\u202e\x1b[2J',
    [],
    {},
    [[]],
    null,
  ),
  fc.constantFrom<unknown>('2026-99-99T99:99:99Z', '[::', ':', '=?', 'http://', 'http://a:b@c', '0.1, 0.2'),
)

function replaceOne(value: unknown, pick: number, strange: unknown): unknown {
  const spots: (() => void)[] = []
  const copy = structuredClone(value)
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const key of Object.keys(node)) {
      spots.push(() => {
        Object.defineProperty(node, key, { value: strange, enumerable: true })
      })
      walk((node as Record<string, unknown>)[key])
    }
  }
  walk(copy)
  spots[pick % Math.max(1, spots.length)]?.()
  return copy
}

describe.each(names)('%s', (name) => {
  const lines = fixtureLines(name)

  test('no record makes it throw, and each is a transaction or counted', () => {
    const records = lines.map((line) => JSON.parse(line) as unknown)
    fc.assert(
      fc.property(fc.nat(), fc.nat(), STRANGE, (which, pick, strange) => {
        const changed = replaceOne(records[which % records.length], pick, strange)
        const { decoder } = decode([changed], name)
        const lost = [...decoder.coverage.undecodable.values()].reduce((sum, count) => sum + count, 0)
        expect(decoder.coverage.transactions + lost).toBeGreaterThan(0)
      }),
      { numRuns: 40 },
    )
  })

  test('bytes that are no record are counted', () => {
    const odd = [
      '',
      '{',
      '[]',
      '[1]',
      '"text"',
      'null',
      '1',
      '\u0000',
      '{"a":',
      Buffer.from([0x1f, 0x8b, 8, 0, 1, 2]),
      lines[0]!.slice(0, -7),
    ]
    const { decoder, transactions } = decode(odd, name)
    expect(transactions).toEqual([])
    expect(decoder.coverage.undecodable.size).toBeGreaterThan(0)
  })
})

test('depth and breadth cost bounded time', () => {
  const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`
  const wide = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: new Array(60_000).fill({ kind: 2 }) }] }] })
  const started = performance.now()
  for (const name of names) decode([deep], name)
  const { decoder } = decode([wide], 'otlp')
  expect(decoder.coverage.undecodable.get('no_ts')).toBe(50_000)
  expect(performance.now() - started).toBeLessThan(5000)
})

test('members called like those of every object are members', () => {
  const record = JSON.parse(fixtureLines('kong')[0]!) as Record<string, Record<string, unknown>>
  const text = JSON.stringify(record).replace(
    '"headers":{',
    '"headers":{"__proto__":"x","constructor":"y","toString":"z",',
  )
  const [transaction] = decode([text], 'kong').transactions
  expect(transaction!.requestHeaders.map(([header]) => header)).toEqual(
    expect.arrayContaining(['__proto__', 'constructor', 'toString', 'host']),
  )
})

test('a pseudonym on the wire is no pseudonym', () => {
  const record = JSON.parse(fixtureLines('kong')[0]!) as Record<string, unknown>
  const pseudonym = `hmac:${'ab'.repeat(16)}`
  record.consumer = { username: pseudonym }
  record.redacted = true
  const line = decode([record], 'kong').lines.join()
  expect(line).not.toContain(pseudonym)
})
