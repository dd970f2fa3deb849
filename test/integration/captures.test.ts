import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { readCapture } from '../mutate/capture-file.ts'
import { captureNotes, difference } from './capture-notes.ts'
import { ensureBuilt, lines } from './program.ts'
import { ledgerKey, lineKey, parseLines, printed } from './transaction-lines.ts'

beforeAll(ensureBuilt)

const captures = captureNotes()

test.concurrent.each(captures)('$name: every transaction is what the ledger says', async ({ path, note }) => {
  const expected = note.transactions.flatMap(printed)
  const read = parseLines(await lines(['replay', path, '--emit', 'transactions']))
  const found = difference(read.map(lineKey), expected.map(ledgerKey))
  expect({ unexpected: found.left, missing: found.right }).toEqual({ unexpected: [], missing: [] })
  for (const entry of expected) {
    const same = read.filter((line) => lineKey(line) === ledgerKey(entry))
    if (entry.responseBody !== null) expect(same.map((line) => line.response_body_bytes)).toContain(entry.responseBody)
    for (const weird of entry.weirds ?? []) expect(same.flatMap((line) => line.weirds)).toContain(weird)
  }
  for (const client of new Set(expected.map((entry) => entry.client))) {
    const order = expected.filter((entry) => entry.client === client)
    const rest = read.toSorted((a, b) => (a.ts < b.ts ? -1 : 1))
    const times = order.map((entry) => {
      const at = rest.findIndex((line) => lineKey(line) === ledgerKey(entry))
      return rest.splice(at, 1)[0]!.ts
    })
    expect(times, client).toEqual(times.toSorted())
  }
})

test.each([
  ['vlan', 12],
  ['qinq', 12],
  ['ipv6-vlan', 12],
  ['keep-alive', null],
])('%s: the innermost tag stands in source.vlan', async (name, vlan) => {
  const { path } = captures.find((capture) => capture.name === name)!
  const read = parseLines(await lines(['replay', path, '--emit', 'transactions', '--bodies', 'none']))
  expect(read.map((line) => line.source.vlan)).toEqual(read.map(() => vlan))
})

test('over all captures together every frame of the files is counted once, and every total adds up', async () => {
  const [summary] = await lines(['replay', ...captures.map(({ path }) => path), '-o', 'json'])
  const totals = JSON.parse(summary!) as Record<'frames' | 'bytes' | 'messages' | 'pairs', Totals>
  const frames = captures.reduce((total, { path }) => total + readCapture(readFileSync(path)).length, 0)
  expect(totals.frames.in).toBe(frames)
  for (const total of [totals.frames, totals.bytes, totals.messages, totals.pairs]) {
    const dropped = Object.values(total.dropped).reduce((sum, count) => sum + count, 0)
    expect(total.delivered + dropped).toBe(total.in)
  }
})

interface Totals {
  readonly in: number
  readonly delivered: number
  readonly dropped: Readonly<Record<string, number>>
}
