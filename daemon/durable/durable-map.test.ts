import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DurableMap } from './durable-map.ts'

let folder = ''
let path = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-map-'))
  path = join(folder, 'map')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function reopened(): Promise<[string, unknown][]> {
  const map = await DurableMap.open<unknown>(path)
  const entries = [...map.entries()]
  await map.close()
  return entries
}

test('what was set is there after opening again, deletions too; the file is private', async () => {
  const map = await DurableMap.open<{ n: number }>(path)
  await Promise.all([map.set('a', { n: 1 }), map.set('b', { n: 2 }), map.set('a', { n: 3 })])
  await map.delete('b')
  await map.set('line\nfeed', { n: 4 })
  await map.close()
  expect(await reopened()).toEqual([
    ['a', { n: 3 }],
    ['line\nfeed', { n: 4 }],
  ])
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a tail torn at any byte loses only what it held, and writing goes on', async () => {
  const map = await DurableMap.open<number>(path)
  await map.set('a', 1)
  await map.set('b', 2)
  await map.close()
  const whole = readFileSync(path)
  const first = whole.indexOf(0x0a) + 1
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length))
    const torn = await DurableMap.open<number>(path)
    expect([...torn.values()]).toEqual(length < first ? [] : [1])
    await torn.set('c', 3)
    await torn.close()
    expect((await reopened()).at(-1)).toEqual(['c', 3])
  }
})

test('a flipped byte is told, and what stands before it is kept', async () => {
  const map = await DurableMap.open<number>(path)
  await map.set('a', 1)
  await map.set('b', 2)
  await map.close()
  const bytes = readFileSync(path)
  bytes[bytes.length - 4]! ^= 1
  writeFileSync(path, bytes)
  const read = await DurableMap.open<number>(path)
  expect([[...read.values()], read.tornLines]).toEqual([[1], 1])
  await read.close()
})

test('a file that was made shorter behind its back is no reason to throw', async () => {
  appendFileSync(path, 'no checksum\n')
  truncateSync(path, 5)
  expect(await reopened()).toEqual([])
})

test('history is dropped when it is most of the file', async () => {
  const map = await DurableMap.open<string>(path)
  const text = 'x'.repeat(10_000)
  for (let i = 0; i < 400; i++) await map.set(`${i % 3}`, `${i} ${text}`)
  await map.close()
  expect(statSync(path).size).toBeLessThan(1_200_000)
  expect((await reopened()).map(([key]) => key).sort()).toEqual(['0', '1', '2'])
})

test('any sequence of changes reads back as the same map', async () => {
  const change = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.option(fc.jsonValue().filter((v) => v !== undefined)))
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 30 }), async (changes) => {
      rmSync(path, { force: true })
      const map = await DurableMap.open<unknown>(path)
      const expected = new Map<string, unknown>()
      const done: Promise<void>[] = []
      for (const [key, value] of changes) {
        if (value === null) expected.delete(key)
        else expected.set(key, value)
        done.push(value === null ? map.delete(key) : map.set(key, value))
      }
      await Promise.all(done)
      await map.close()
      expect(Object.fromEntries(await reopened())).toEqual(JSON.parse(JSON.stringify(Object.fromEntries(expected))))
    }),
    { numRuns: 50 },
  )
})
