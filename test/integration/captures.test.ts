import { beforeAll, expect, test } from 'vitest'
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
