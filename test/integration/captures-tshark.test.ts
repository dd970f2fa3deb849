import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { LedgerEntry } from '../../scripts/capture/note.ts'
import { CAPTURES, captureNotes, difference } from './capture-notes.ts'
import { readWithTshark, type TsharkPair } from './tshark.ts'

function hasTshark(): boolean {
  try {
    execFileSync('tshark', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** What the two must agree on. Sizes are compared where both know them and the message is whole. */
function line(entry: LedgerEntry | TsharkPair): string {
  return `${entry.method} ${entry.target} ${entry.status} ${entry.client} ${entry.server}`
}

/** Secrets stand as `*` in a note. */
function hideSecrets(target: string | null): string | null {
  return target?.replace(/made-up-token-\d/, '*') ?? null
}

test('every capture file has a note and every note a file', () => {
  const files = readdirSync(CAPTURES).filter((file) => !file.endsWith('.json'))
  expect(
    captureNotes()
      .map(({ note }) => note.file)
      .sort(),
  ).toEqual(files.sort())
  expect(files.length).toBeGreaterThanOrEqual(40)
})

describe.skipIf(!hasTshark())('tshark, which knows nothing of the ledger, reads the same pairs (needs tshark)', () => {
  test.each(captureNotes())('$name', async ({ path, note }) => {
    const read = (await readWithTshark(path, note.tsharkLinks !== undefined, note.tsharkOptions)).map((pair) => ({
      ...pair,
      target: hideSecrets(pair.target),
    }))
    const found = difference(read.map(line), note.transactions.map(line))
    const ports = (text: string) => text.replace(/(198\.51\.100\.\d|2001:db8::7|127\.0\.0\.1) \d+/, '$1 *')
    expect({ tshark: found.left.map(ports).sort(), ledger: found.right.map(ports).sort() }).toEqual({
      tshark: note.tshark.flatMap((known) => known.tshark ?? []).sort(),
      ledger: note.tshark.flatMap((known) => known.ledger ?? []).sort(),
    })
    const whole = note.transactions.filter((entry) => entry.state === undefined && entry.responseBody !== null)
    for (const entry of whole) {
      const seen = read.filter((pair) => line(pair) === line(entry) && pair.responseBody !== null)
      if (seen.length > 0) expect(seen.map((pair) => pair.responseBody)).toContain(entry.responseBody)
      const sent = read.filter((pair) => line(pair) === line(entry) && pair.requestBody !== null)
      if (sent.length > 0 && entry.requestBody > 0)
        expect(sent.map((pair) => pair.requestBody)).toContain(entry.requestBody)
    }
  })
})
