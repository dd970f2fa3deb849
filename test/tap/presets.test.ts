import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { shippedPresets } from '../../daemon/tap/presets.ts'
import { decode, FIXTURES, fixtureLines } from './decode.ts'

/** Every fixture holds these, in the places where its format carries secrets. */
const CANARIES = [
  'c4nary-0paque-T0ken-7f3a',
  'c4nary-Passw0rd!',
  'sk_live_c4naryKey00000000',
  Buffer.from('canary.person:').toString('base64').slice(0, 16),
]
const GOLDEN = join(import.meta.dirname, 'golden')
const UPDATE = process.env.OFFPATH_GOLDEN_UPDATE === '1'
const names = readdirSync(FIXTURES)
  .map((file) => file.replace(/\.jsonl$/, ''))
  .sort()

test('every preset has a fixture', () => {
  expect(names).toEqual(shippedPresets().map(({ name }) => name))
})

describe.each(names)('%s', (name) => {
  const { lines, decoder, transactions, telemetry } = decode(fixtureLines(name), name)

  test('gives the transactions it gave before', () => {
    const path = join(GOLDEN, `${name}.jsonl`)
    const text = lines.map((line) => `${line}\n`).join('')
    if (UPDATE) {
      mkdirSync(GOLDEN, { recursive: true })
      writeFileSync(path, text)
    } else expect(text).toBe(readFileSync(path, 'utf8'))
  })

  test('is chosen by its records alone, with the same result', () => {
    const auto = decode(fixtureLines(name))
    expect(auto.decoder.format?.preset.name).toBe(name)
    expect(auto.decoder.format?.confidence).toBeGreaterThan(0.7)
    expect(auto.lines).toEqual(lines)
  })

  test('lets no secret out', () => {
    const input = fixtureLines(name).join('\n')
    const said = [...lines, ...telemetry.counters.entries().map(([counter]) => counter)].join('\n')
    // A native record of Offpath itself holds none to begin with.
    if (name !== 'native')
      expect(CANARIES.some((canary) => input.includes(canary) || hidden(input).includes(canary))).toBe(true)
    for (const canary of CANARIES) expect(said).not.toContain(canary)
    // A name in a body is no secret of its own there; as an identity it is a person's.
    expect(said.replace(/"(?:request|response)_body":"(?:[^"\\]|\\.)*"/g, '')).not.toContain('canary.person')
  })

  test('has unique ids that do not change', () => {
    const ids = transactions.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(decode(fixtureLines(name), name).transactions.map(({ id }) => id)).toEqual(ids)
  })

  test('lacks what it says it lacks, in every record without exception', () => {
    const { lacks } = decoder.format!.preset
    if (lacks.includes('duration')) expect(transactions.every(({ durationUs }) => durationUs === null)).toBe(true)
    if (lacks.includes('query')) expect(transactions.every(({ query }) => query === '')).toBe(true)
    expect(transactions.length).toBeGreaterThan(0)
  })
})

/** Base64 inside JSON, opened. */
function hidden(text: string): string {
  return [...text.matchAll(/[A-Za-z0-9+/]{40,}={0,2}/g)]
    .map(([run]) => Buffer.from(run, 'base64').toString())
    .join('\n')
}
