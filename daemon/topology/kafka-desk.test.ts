import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DurableMap } from '../durable/durable-map.ts'
import type { KafkaEntry } from './engine-protocol.ts'
import { KafkaDesk } from './kafka-desk.ts'
import type { DeadLetter } from './kafka-feed.ts'

let folder: string
let positions: DurableMap<KafkaEntry>
const warned: string[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-desk-'))
  positions = await DurableMap.open(join(folder, 'positions'))
})
afterEach(async () => {
  await positions.close()
  rmSync(folder, { recursive: true, force: true })
})

const desk = () =>
  new KafkaDesk({
    positions,
    folder,
    environment: {},
    logger: { warn: (text: unknown) => void warned.push(String(text)) },
  })

function letter(offset: number): DeadLetter {
  return { topic: 'orders', partition: 3, offset, reason: 'bad_json', why: 'x'.repeat(1000), bytes: 7, head: '6e6f74' }
}

test('dead letters say where they lay and why, and take at most two files, the newest last', async () => {
  const made = desk()
  const PER = 1000
  const TIMES = 30
  for (let i = 0; i < TIMES; i++) await made.lay(Array.from({ length: PER }, (_, n) => letter(i * PER + n)))
  const files = readdirSync(folder).filter((name) => name.startsWith('dead'))
  expect(files.sort()).toEqual(['dead-letters.jsonl', 'dead-letters.jsonl.old'])
  // What is written at once may lie beyond the limit.
  for (const name of files) expect(statSync(join(folder, name)).size).toBeLessThan(8 * 1024 * 1024 + PER * 1200)
  expect(statSync(join(folder, 'dead-letters.jsonl')).mode & 0o777).toBe(0o600)
  const lines = readFileSync(join(folder, 'dead-letters.jsonl'), 'utf8').trimEnd().split('\n')
  const { at, ...last } = JSON.parse(lines.at(-1)!) as DeadLetter & { at: string }
  expect(last).toEqual(letter(TIMES * PER - 1))
  expect(Date.now() - Date.parse(at)).toBeLessThan(60_000)
  expect(warned).toEqual([])
})

test('how far rows may reach is on the disk before, how far they do after, and neither goes back', async () => {
  const made = desk()
  const at = (next: number) => [{ group: 'g', topic: 't', partition: 0, next }]
  await made.reached(at(100))
  expect([...positions.values()]).toEqual([{ group: 'g', topic: 't', partition: 0, next: 0, reach: 100 }])
  await made.keep(at(40))
  await made.reached(at(60))
  expect([...positions.values()]).toEqual([{ group: 'g', topic: 't', partition: 0, next: 40, reach: 100 }])
  await made.keep(at(120))
  expect([...positions.values()]).toEqual([{ group: 'g', topic: 't', partition: 0, next: 120, reach: 120 }])
})
