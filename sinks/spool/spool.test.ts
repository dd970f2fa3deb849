import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Counters } from '../../daemon/telemetry/counters.ts'
import type { SealedBatch } from '../store/inserter.ts'
import { scanSegment } from './record.ts'
import { Spool, type SpoolOptions } from './spool.ts'

const NOW = Date.UTC(2026, 10, 21, 20)

let folder = ''
let counters = new Counters()
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-spool-'))
  counters = new Counters()
})
afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Closed after the test: to the next one that opens the folder, the one before was killed. */
const opened: Spool[] = []

async function open(options: Partial<SpoolOptions> = {}): Promise<Spool> {
  counters = new Counters()
  const spool = await Spool.open({ folder, maxBytes: 64 * 1024 * 1024, counters, nowMs: () => NOW, ...options })
  opened.push(spool)
  return spool
}

function batch(token: string, text = `${token}\n`, table = 'transactions'): SealedBatch {
  return {
    token,
    table,
    day: '2026-11-21',
    columns: ['id'],
    format: 'TabSeparated',
    rows: Math.max(1, text.split('\n').length - 1),
    bytes: Buffer.from(text),
    rereadIds: null,
  }
}

async function tokens(spool: Spool): Promise<string[]> {
  const found: string[] = []
  for (const waiting of [...spool.backlog]) {
    const read = await spool.read(waiting)
    if (read !== null) found.push(read.token)
  }
  return found
}

function segments(suffix = '.segment'): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(suffix))
    .sort()
    .map((name) => join(folder, name))
}

test('what was sealed is there after a crash, byte for byte, and private', async () => {
  const spool = await open()
  const sealed = batch('a', 'one\ttwo\n\u{1F600}\n')
  await spool.seal(sealed)
  // No close: as after a kill.
  const again = await open()
  const [waiting] = [...again.backlog]
  expect(await again.read(waiting!)).toEqual({ ...sealed, sealedAtMs: NOW })
  expect([again.backlog.batches, again.backlog.rows]).toEqual([1, 2])
  expect(statSync(segments()[0]!).mode & 0o777).toBe(0o600)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
})

test('a batch is answered after the sync, and a stored one is marked with one', async () => {
  const file = await openFile(folder, 'r')
  const datasync = vi.spyOn(Object.getPrototypeOf(file), 'datasync')
  await file.close()
  try {
    const order: string[] = []
    datasync.mockImplementation(() =>
      new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() => {
        order.push('synced')
      }),
    )
    const spool = await open()
    await spool.seal(batch('a')).then(() => order.push('answered'))
    await spool.confirm(spool.backlog.oldest(() => true)!).then(() => order.push('marked'))
    expect(order).toEqual(['synced', 'answered', 'synced', 'marked'])
  } finally {
    datasync.mockRestore()
  }
})

test('a stored batch is not sent again after a crash, and its segment goes with its last', async () => {
  const spool = await open()
  for (const token of ['a', 'b', 'c']) await spool.seal(batch(token))
  await spool.confirm(spool.backlog.oldest(() => true)!)
  const second = await open()
  expect(await tokens(second)).toEqual(['b', 'c'])
  for (const waiting of [...second.backlog]) await second.confirm(waiting)
  expect(segments()).toEqual([])
  expect([second.backlog.batches, second.backlog.rows, second.backlog.bytes]).toEqual([0, 0, 0])
})

test('a batch sent again is acknowledged and not written twice: while it waits, when stored, after a crash', async () => {
  const spool = await open()
  await Promise.all([spool.seal(batch('a')), spool.seal(batch('a'))])
  await spool.seal(batch('a'))
  await spool.seal(batch('b'))
  await spool.confirm(spool.backlog.oldest(() => true)!)
  await spool.seal(batch('a'))
  const again = await open()
  await again.seal(batch('a'))
  await again.seal(batch('b'))
  expect(await tokens(again)).toEqual(['b'])
  expect(counters.get('spool.repeated')).toBe(2)
})

test('batches sealed while a sync runs share the next one', async () => {
  const phases: string[] = []
  const spool = await open({ onPhase: (phase) => phases.push(phase) })
  await Promise.all(Array.from({ length: 50 }, (_, i) => spool.seal(batch(`t${i}`))))
  expect(phases.filter((phase) => phase === 'written')).toHaveLength(1)
  const first = spool.seal(batch('first'))
  await new Promise((resolve) => setImmediate(resolve))
  const rest = Array.from({ length: 50 }, (_, i) => spool.seal(batch(`u${i}`)))
  await Promise.all([first, ...rest])
  expect(phases.filter((phase) => phase === 'written')).toHaveLength(3)
  expect((await tokens(await open())).length).toBe(101)
})

test('a seal called as the flush ends is not forgotten', async () => {
  const spool = await open()
  let chain = Promise.resolve()
  for (let i = 0; i < 20; i++) chain = chain.then(() => spool.seal(batch(`t${i}`)))
  await chain
  expect(spool.backlog.batches).toBe(20)
})

test('a tail torn at any byte loses only what it held, and sealing goes on', async () => {
  const spool = await open()
  await spool.seal(batch('a'))
  const first = statSync(segments()[0]!).size
  await spool.seal(batch('b'))
  const [path] = segments()
  const whole = readFileSync(path!)
  // Every byte of the second's prefix, and steps through the rest: each length costs some syncs.
  for (let length = 0; length < whole.length; length += length >= first && length < first + 32 ? 1 : 7) {
    for (const other of segments()) rmSync(other)
    writeFileSync(path!, whole.subarray(0, length))
    const torn = await open()
    expect(await tokens(torn)).toEqual(length < first ? [] : ['a'])
    expect(counters.get('spool.torn')).toBe(length === 0 || length === first ? 0 : 1)
    expect(counters.get('spool.damaged')).toBe(0)
    await torn.seal(batch('c'))
    expect((await tokens(await open())).at(-1)).toBe('c')
    // The tail was cut off: it is not told twice.
    expect(counters.get('spool.torn')).toBe(0)
  }
})

test('zeroes at the end, as a power loss leaves them, are a torn tail', async () => {
  const spool = await open()
  await spool.seal(batch('a'))
  const [path] = segments()
  writeFileSync(path!, Buffer.concat([readFileSync(path!), Buffer.alloc(5000)]))
  expect(await tokens(await open())).toEqual(['a'])
  expect([counters.get('spool.torn.bytes'), counters.get('spool.damaged')]).toEqual([5000, 0])
})

test('any flipped byte costs at most its own batch, is counted, and the segment is kept to look at', async () => {
  const spool = await open()
  for (const token of ['a', 'b', 'c']) await spool.seal(batch(token, `${token.repeat(20)}\n`))
  const [path] = segments()
  const whole = readFileSync(path!)
  const size = whole.length / 3
  for (let at = 0; at < whole.length; at += at % size < 32 ? 1 : 7) {
    for (const other of [...segments(), ...segments('.damaged')]) rmSync(other)
    const bytes = Buffer.from(whole)
    bytes[at]! ^= 0x10
    writeFileSync(path!, bytes)
    const damaged = await open()
    const left = await tokens(damaged)
    const hit = ['a', 'b', 'c'][Math.floor(at / size)]!
    const inState = at % size >= 8 && at % size < 12
    expect(left).toEqual(inState ? ['a', 'b', 'c'] : ['a', 'b', 'c'].filter((token) => token !== hit))
    if (inState) continue
    // A length at the very end that points behind the file cannot be told from a write cut short.
    expect(counters.get('spool.damaged') + counters.get('spool.torn')).toBe(1)
    for (const waiting of [...damaged.backlog]) await damaged.confirm(waiting)
    expect(segments('.damaged')).toHaveLength(counters.get('spool.damaged'))
  }
})

test('damage found only when the batch is read is counted with its rows, and holds nothing up', async () => {
  const spool = await open()
  await spool.seal(batch('a', 'x\n'.repeat(30)))
  await spool.seal(batch('b'))
  const [path] = segments()
  const bytes = readFileSync(path!)
  bytes[bytes.indexOf('x\nx\n')]! ^= 1
  writeFileSync(path!, bytes)
  expect(await tokens(spool)).toEqual(['b'])
  expect(counters.get('spool.damaged.rows.transactions')).toBe(30)
  expect(spool.backlog.batches).toBe(1)
})

test('a record planted in a body is never taken for one', async () => {
  const spool = await open()
  await spool.seal(batch('inner'))
  const planted = readFileSync(segments()[0]!)
  const other = await open()
  await other.seal({ ...batch('outer'), bytes: planted })
  await other.seal(batch('last'))
  const path = segments().at(-1)!
  const bytes = readFileSync(path)
  bytes[20]! ^= 1
  writeFileSync(path, bytes)
  expect((await tokens(await open())).sort()).toEqual(['inner', 'last'])
  expect(counters.get('spool.damaged')).toBe(1)
})

test('over its size the oldest go, counted by table; what is being sent is not counted as lost', async () => {
  const spool = await open({ maxBytes: 1024 * 1024 })
  const text = `${'x'.repeat(20_000)}\n`
  await spool.seal(batch('sent', text))
  const sent = spool.backlog.oldest(() => true)!
  spool.lend(sent)
  for (let i = 0; i < 100; i++) await spool.seal(batch(`t${i}`, text, i % 2 ? 'signals' : 'transactions'))
  const onDisk = segments().reduce((sum, path) => sum + statSync(path).size, 0)
  expect(onDisk).toBeLessThanOrEqual(1024 * 1024)
  expect(spool.backlog.bytes).toBe(onDisk)
  expect(spool.backlog.batches).toBeGreaterThan(40)
  expect(spool.backlog.batches + counters.get('spool.full')).toBe(100)
  expect(counters.get('spool.full.rows.signals') + counters.get('spool.full.rows.transactions')).toBe(
    counters.get('spool.full.rows'),
  )
  const kept = await tokens(await open())
  expect(kept.sort()).toEqual(Array.from({ length: kept.length }, (_, i) => `t${99 - i}`).sort())
  await spool.confirm(sent)
  spool.giveBack(sent)
  expect(spool.backlog.batches + counters.get('spool.full')).toBe(spool.backlog.batches)
})

test('a batch larger than the whole spool is refused at once, and costs no other', async () => {
  const spool = await open({ maxBytes: 100_000 })
  await spool.seal(batch('a'))
  await expect(spool.seal(batch('b', 'x'.repeat(100_000)))).rejects.toMatchObject({ reason: 'too_large' })
  expect(await tokens(spool)).toEqual(['a'])
  expect(counters.get('spool.full')).toBe(1)
})

test('refused batches are laid aside with the reason', async () => {
  const spool = await open()
  await spool.seal(batch('a', 'bad\n'))
  const waiting = spool.backlog.oldest(() => true)!
  await spool.refuse(waiting, (await spool.read(waiting))!, 'Cannot parse')
  const [name] = readdirSync(join(folder, 'refused'))
  const [head, body] = readFileSync(join(folder, 'refused', name!), 'utf8').split('\n')
  expect([JSON.parse(head!), body]).toEqual([
    expect.objectContaining({ token: 'a', table: 'transactions', rows: 1, reason: 'Cannot parse' }),
    'bad',
  ])
  expect([spool.backlog.batches, counters.get('store.refused.rows.transactions')]).toEqual([0, 1])
})

test('any bytes in a segment are read to their end', () => {
  const marker = Buffer.from('0123456789abcdef', 'hex')
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.constant(marker),
    fc.uint8Array({ minLength: 16, maxLength: 40 }).map((tail) => Buffer.concat([marker, Buffer.alloc(4), tail])),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const bytes = Buffer.concat(pieces)
      const scan = scanSegment(bytes, marker)
      expect(scan.records).toEqual([])
      expect(scan.damagedBytes).toBeLessThanOrEqual(bytes.length)
      expect(scan.length).toBeLessThanOrEqual(bytes.length)
    }),
  )
})

test('whatever is sealed, stored, refused and killed, each sealed batch is kept until it is stored, in order', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('seal' as const), token: fc.integer({ max: 40, min: 0 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom('confirm' as const, 'refuse' as const, 'kill' as const) }),
    },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
      // Two or three batches a segment.
      const make = () => open({ maxBytes: 16 * 64 * 1024 })
      let spool = await make()
      let expected: string[] = []
      const ever = new Set<string>()
      for (const one of steps) {
        const oldest = spool.backlog.oldest(() => true)
        if (one.do === 'seal') {
          const token = `t${one.token}`
          // After a restart a stored token may be forgotten with its segment; the database knows it then.
          if (ever.has(token) && !expected.includes(token)) continue
          await spool.seal(batch(token, `${token.padEnd(30_000)}\n`))
          if (!ever.has(token)) expected.push(token)
          ever.add(token)
        } else if (one.do === 'kill') {
          spool = await make()
        } else if (oldest !== null) {
          if (one.do === 'confirm') await spool.confirm(oldest)
          else await spool.refuse(oldest, (await spool.read(oldest))!, 'no')
          expected = expected.filter((token) => token !== oldest.header.token)
        }
        expect([...spool.backlog].map(({ header }) => header.token)).toEqual(expected)
        expect(spool.backlog.bytes).toBe([...spool.backlog].reduce((sum, { bytes }) => sum + bytes, 0))
      }
      expect(await tokens(await make())).toEqual(expected)
      expect(counters.entries()).toEqual([])
      for (const one of opened.splice(0)) await one.close()
    }),
    { numRuns: 25 },
  )
})
