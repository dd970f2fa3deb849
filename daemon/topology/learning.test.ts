import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import type { LearningPart } from '../model/learning.ts'
import { createLogger } from '../telemetry/log.ts'
import type { LearningChunk } from './engine-protocol.ts'
import { covers, eitherOf } from './kafka-cover.ts'
import { LearningFeed } from './learning-feed.ts'
import { outlineOf, RefusedLearning, restoreLearning } from './learning-file.ts'
import { previousOf, SnapshotKeeper } from './snapshot-keeper.ts'

const key = (id: string, ...previous: string[]) => ({ id, previous })

const folder = mkdtempSync(join(tmpdir(), 'offpath-learning-'))
const path = join(folder, 'learning')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const logged: string[] = []
const logger = createLogger('info', { write: (line) => void logged.push(line) })
const options = { path, what: 'learning', maxBytes: 1e6, packed: true, keepsPrevious: true, logger }

/** Numbers under a name; 13 is none that it takes. */
function numbers(name: string, values: number[] = [], version = 1): LearningPart & { values: number[] } {
  return {
    name,
    version,
    values,
    *snapshot() {
      for (const value of this.values) yield [value]
    },
    restore(line) {
      const [value] = line as [number]
      if (value === 13) throw new Error('13 is no number')
      this.values.push(value)
    },
    reset() {
      this.values = []
    },
  }
}

const TOPICS = [{ group: 'g', topic: 't', partition: 0, reach: 12, open: [9] }]

function chunksOf(parts: readonly LearningPart[], now = 5e15): LearningChunk[] {
  const chunks: LearningChunk[] = []
  const feed = new LearningFeed({
    parts: () => parts,
    keyId: 'k1',
    everySeconds: 60,
    covers: () => ({ now, topics: TOPICS }),
    send: (chunk) => void chunks.push(chunk),
    failed: expect.fail,
  })
  feed.finish()
  return chunks
}

async function keep(chunks: readonly LearningChunk[]): Promise<void> {
  const keeper = new SnapshotKeeper(options)
  for (const chunk of chunks) keeper.take(chunk)
  await keeper.close()
}

describe('a snapshot of learning', () => {
  test('comes back as it was, with how far it was learnt, also from an open file that was read before', async () => {
    const many = Array.from({ length: 60_000 }, (_, i) => i + 100)
    const chunks = chunksOf([numbers('a', many), numbers('b', [1, 2])])
    expect(chunks.length).toBeGreaterThan(2)
    await keep(chunks)
    const file = await open(path)
    const [a, b, fresh] = [numbers('a'), numbers('b'), numbers('c')]
    const place = { descriptor: file.fd }
    await outlineOf(place)
    const restored = await restoreLearning(place, [a, b, fresh], key('k1'))
    await file.close()
    expect(restored).toEqual({ covers: { now: 5e15, topics: TOPICS }, refused: [] })
    expect(a.values).toEqual(many)
    expect(b.values).toEqual([1, 2])
    expect(fresh.values).toEqual([])
  })

  test('is the same bytes for the same learning', () => {
    expect(chunksOf([numbers('a', [1, 2])])).toEqual(chunksOf([numbers('a', [1, 2])]))
  })

  test('takes the place of the last one when it is whole, which stays as the previous one', async () => {
    await keep(chunksOf([numbers('a', [1])]))
    await keep(chunksOf([numbers('a', [2])]))
    // The next one has no end: the engine was killed.
    await keep(
      chunksOf([
        numbers(
          'a',
          Array.from({ length: 60_000 }, (_, i) => i),
        ),
      ]).slice(0, 1),
    )
    const [last, before] = [numbers('a'), numbers('a')]
    await restoreLearning({ path }, [last], key('k1'))
    await restoreLearning({ path: previousOf(path) }, [before], key('k1'))
    expect([last.values, before.values]).toEqual([[2], [1]])
    expect(await new SnapshotKeeper(options).places()).toEqual([path, previousOf(path)])
  })

  test('too large is not kept', async () => {
    await keep(chunksOf([numbers('a', [3])]))
    const keeper = new SnapshotKeeper({ ...options, maxBytes: 100 })
    for (const chunk of chunksOf([
      numbers(
        'a',
        Array.from({ length: 5000 }, (_, i) => i * i),
      ),
    ]))
      keeper.take(chunk)
    await keeper.close()
    const a = numbers('a')
    await restoreLearning({ path }, [a], key('k1'))
    expect(a.values).toEqual([3])
    expect(logged.join()).toContain('the learning could not be kept')
  })

  test('of the key before is taken while a new one is brought in', async () => {
    await keep(chunksOf([numbers('a', [1])]))
    const a = numbers('a')
    await restoreLearning({ path }, [a], key('k2', 'k1'))
    expect(a.values).toEqual([1])
  })

  test('of another key, of another version, or of the future is refused, and nothing is touched', async () => {
    await keep(chunksOf([numbers('a', [1])]))
    const a = numbers('a')
    await expect(restoreLearning({ path }, [a], key('k2'))).rejects.toThrow(/learnt under the privacy key k1/)
    await expect(restoreLearning({ path }, [a], key('k3', 'k2'))).rejects.toThrow(/other names under k3/)
    await expect(restoreLearning({ path }, [a], key('k1'), 4e15)).rejects.toThrow(/clock is ahead/)
    writeFileSync(path, gzipSync(gunzipSync(readFileSync(path)).toString().replace('"learning":1', '"learning":2')))
    await expect(restoreLearning({ path }, [a], key('k1'))).rejects.toThrow(
      /version 2, and this program reads version 1/,
    )
    expect(a.values).toEqual([])
  })

  test('a part of another version, or that cannot be read, begins anew alone', async () => {
    await keep(chunksOf([numbers('a', [1], 2), numbers('b', [4, 13, 5]), numbers('c', [6]), numbers('gone', [7])]))
    const [a, b, c] = [numbers('a'), numbers('b'), numbers('c')]
    const { refused } = await restoreLearning({ path }, [a, b, c], key('k1'))
    expect([a.values, b.values, c.values]).toEqual([[], [], [6]])
    expect(refused).toEqual(['a: it is of version 2, and this program reads 1', 'b: 13 is no number'])
  })

  test('cut off or changed anywhere is refused before anything is touched', async () => {
    await keep(chunksOf([numbers('a', [1, 2, 3]), numbers('b', [4])]))
    const whole = readFileSync(path)
    const text = gunzipSync(whole)
    const damaged: Buffer[] = []
    for (let at = 0; at < whole.length; at += 3) {
      damaged.push(whole.subarray(0, at))
      const flipped = Buffer.from(whole)
      flipped[at]! ^= 0x20
      // Some bits of the head of gzip say nothing of what is packed.
      if (at > 9) damaged.push(flipped)
    }
    for (let at = 0; at < text.length; at++) {
      damaged.push(gzipSync(text.subarray(0, at)))
      const flipped = Buffer.from(text)
      flipped[at]! ^= 1
      damaged.push(gzipSync(flipped))
    }
    damaged.push(gzipSync(Buffer.concat([text, Buffer.from('[1]\n')])), Buffer.from('no gzip'), gzipSync('{}\n'))
    damaged.push(gzipSync(Buffer.alloc(8e6, 0x5b)))
    for (const bytes of damaged) {
      const aside = join(folder, 'damaged')
      writeFileSync(aside, bytes)
      const a = numbers('a')
      await expect(restoreLearning({ path: aside }, [a], key('k1'))).rejects.toThrow(RefusedLearning)
      expect(a.values).toEqual([])
      // Not written over, nor renamed over another: ext4 would then write it through to the disk each time.
      rmSync(aside)
    }
  })
})

test('what is covered by either of two is neither learnt twice nor lost', () => {
  const place = { topic: 't', partition: 0 }
  const early = { ...place, reach: 10, open: new Set([4, 7]) }
  const late = { ...place, reach: 15, open: new Set([4, 5, 12]) }
  for (const both of [eitherOf(early, late), eitherOf(late, early)]) {
    for (let offset = 0; offset < 20; offset++) {
      expect(covers(both, offset), String(offset)).toBe(covers(early, offset) || covers(late, offset))
    }
  }
})
