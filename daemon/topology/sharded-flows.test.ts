import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { encodeTransaction } from '../../sinks/native-json.ts'
import { type CapturedFrame, writePcap } from '../../test/mutate/capture-file.ts'
import { fragmentShuffled } from '../../test/mutate/encapsulate.ts'
import { exchange } from '../../test/mutate/exchange.ts'
import { batchOf } from '../../test/mutate/frame-batch.ts'
import { chain, duplicate, loseData, oneSide, reorder, retransmit, seeded } from '../../test/mutate/mutators.ts'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { effectiveConfig } from '../config/effective.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import { openInput } from '../sources/capture-file.ts'
import { NATIVE_LINES } from '../sources/native-file.ts'
import { type Assembly, assemble, nativeReader } from './assemble.ts'
import { buildDetection } from './detection.ts'
import { flowWorkers } from './flow-limits.ts'
import type { StartFlowThread } from './flow-thread.ts'
import { FlowWorker } from './flow-worker.ts'
import { drive, type Input } from './inputs.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-sharded-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Workers on this thread, which answer after so many turns of the loop. Messages are moved as between threads. */
function workersHere(turns: () => number): StartFlowThread {
  return (settings, listeners) => {
    let last = Promise.resolve()
    let over = false
    const inTurn = (act: () => void) => {
      last = last.then(async () => {
        for (let left = turns(); left > 0; left--) await new Promise((resolve) => setImmediate(resolve))
        if (!over) act()
      })
    }
    // A thread may wait for its owner; here they are one.
    const done = Int32Array.of(1_000_000)
    const worker = new FlowWorker({ ...structuredClone(settings), done }, (message, transfer) => {
      const moved = structuredClone(message, { transfer })
      inTurn(() => listeners.message(moved))
    })
    return {
      post: (message, transfer) => {
        const moved = structuredClone(message, { transfer })
        inTurn(() => {
          try {
            worker.take(moved)
          } catch (error) {
            listeners.failed(error as Error)
          }
        })
      },
      terminate: () => {
        over = true
      },
    }
  }
}

interface RunOptions {
  readonly workers: number
  readonly turns?: () => number
  readonly bodies?: boolean
  readonly start?: StartFlowThread
  readonly stopAfter?: number
}

function assembled(options: RunOptions, calls: string[]): Assembly {
  const { workers, turns = () => 1 } = options
  const { config } = effectiveConfig(CONFIG_SCHEMA, null)
  const assembly = assemble({
    config: { ...config, limits: { ...config.limits, workers, flows: 256, reassembly_mib: 16 } },
    key: TEST_KEY,
    bodies: options.bodies !== false,
    detect: buildDetection,
    startFlowThread: options.start ?? workersHere(turns),
    listeners: {
      transaction: (transaction) => calls.push(encodeTransaction(transaction)),
      signal: (signal) => calls.push(JSON.stringify(signal)),
      incident: (change) => calls.push(JSON.stringify(change)),
      tick: (now) => calls.push(`${now} ${counts()}`),
    },
    detectorFailed: (_detector, error) => {
      throw error
    },
  })
  const counts = () => {
    const { funnel, weirds, counters } = assembly.telemetry
    return JSON.stringify([funnel.totals(), funnel.bySource(), weirds.entries(), counters.entries()])
  }
  return assembly
}

/** Every call that the analysis and its listeners got, with what was counted at each tick and at the end. */
async function callsOf(paths: readonly string[], options: RunOptions): Promise<string[]> {
  const calls: string[] = []
  const assembly = assembled(options, calls)
  const stop = new AbortController()
  const inputs: Input[] = []
  for (const path of paths) {
    const opened = await openInput(path, {
      lines: async () => NATIVE_LINES,
      formatNamed: false,
      counters: assembly.intake.counters,
    })
    inputs.push({ opened, info: opened.source.info, reader: nativeReader(assembly, opened.source.info) })
  }
  let batches = 0
  await drive(assembly.chain, inputs, stop.signal, () => {
    if (++batches === options.stopAfter) stop.abort()
  })
  await assembly.chain.close()
  const { funnel, weirds, counters } = assembly.telemetry
  calls.push(JSON.stringify([funnel.totals(), funnel.bySource(), weirds.entries(), counters.entries()]))
  calls.push(JSON.stringify(assembly.summary(assembly.finish())))
  return calls
}

function written(name: string, frames: readonly CapturedFrame[]): string {
  const path = join(folder, name)
  writeFileSync(path, writePcap(frames))
  return path
}

/** Connections over some minutes, interleaved. */
function frames(seed: number, count: number): CapturedFrame[] {
  const random = seeded(seed)
  const all: CapturedFrame[] = []
  for (let number = 0; number < count; number++) {
    const atMs = 1_795_000_000_000 + Math.floor(random() * 240_000)
    const responseBytes = Math.floor(random() ** 4 * 60_000)
    all.push(...exchange({ atMs, number, path: `/v1/orders/${number}?token=secret-${number}`, responseBytes }))
  }
  return all.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
}

const DIRTY = chain(loseData(3, 0.02), reorder(4, 0.2), duplicate(5, 0.1), retransmit(6, 0.1))

describe('what the analysis sees is the same on one thread and on several', () => {
  const dirty = written('dirty.pcap', DIRTY(frames(1, 60)))

  test.each([1, 2, 3, 16])('with %i workers', async (workers) => {
    const expected = await callsOf([dirty], { workers: 0 })
    expect(expected.length).toBeGreaterThan(250)
    expect(await callsOf([dirty], { workers })).toEqual(expected)
  })

  test('however long each takes to answer', async () => {
    const random = seeded(9)
    const expected = await callsOf([dirty], { workers: 0 })
    expect(await callsOf([dirty], { workers: 3, turns: () => Math.floor(random() * 8) })).toEqual(expected)
  })

  test('without bodies, behind fragments, with one side only', async () => {
    const odd = written('odd.pcap', fragmentShuffled(300, 7)(oneSide(8080, 'server')(frames(2, 40))))
    const expected = await callsOf([odd, dirty], { workers: 0, bodies: false })
    expect(await callsOf([odd, dirty], { workers: 2, bodies: false })).toEqual(expected)
  })

  test('with native records between the frames, late ones among them', async () => {
    const native = join(folder, 'native.jsonl')
    const lines = (await callsOf([dirty], { workers: 0 })).filter((call) => call.startsWith('{"id"'))
    const records = lines.map((line, index) => {
      const record = JSON.parse(line) as Record<string, unknown>
      return JSON.stringify({ ...record, id: undefined, client_ip: `198.51.100.${index % 200}` })
    })
    writeFileSync(native, `${[...records.slice(20), ...records.slice(0, 20)].join('\n')}\n`)
    const expected = await callsOf([native, dirty], { workers: 0 })
    expect(expected.filter((call) => call.startsWith('{"id"')).length).toBeGreaterThan(lines.length * 1.5)
    expect(await callsOf([native, dirty], { workers: 2, turns: () => 3 })).toEqual(expected)
  })

  test('any connections, lost and reordered', async () => {
    const anything = fc.record({
      seed: fc.nat(),
      count: fc.integer({ min: 1, max: 12 }),
      workers: fc.integer({ min: 1, max: 5 }),
      lost: fc.double({ min: 0, max: 0.3, noNaN: true }),
    })
    await fc.assert(
      fc.asyncProperty(anything, async ({ seed, count, workers, lost }) => {
        const mutate = chain(loseData(seed, lost), reorder(seed, 0.3), duplicate(seed, 0.1))
        const path = written('any.pcap', mutate(frames(seed, count)))
        const random = seeded(seed)
        const turns = () => Math.floor(random() * 4)
        expect(await callsOf([path], { workers, turns })).toEqual(await callsOf([path], { workers: 0 }))
      }),
      { numRuns: 8 },
    )
  })
})

test('a worker that fails is an error for whoever reads and for whoever waits, never a missing shard', async () => {
  const path = written('failing.pcap', frames(1, 60))
  let taken = 0
  const failing: StartFlowThread = (settings, listeners) => {
    const thread = workersHere(() => 1)(settings, listeners)
    return {
      ...thread,
      post: (message, transfer) => {
        if (message.kind === 'batch' && ++taken === 2) setImmediate(() => listeners.failed(new Error('out of order')))
        else thread.post(message, transfer)
      },
    }
  }
  await expect(callsOf([path], { workers: 2, start: failing })).rejects.toThrow('out of order')
})

/** Workers that never answer, and what they were given. */
function silent(): { readonly start: StartFlowThread; readonly given: () => number; readonly fail: () => void } {
  let given = 0
  let fail = () => {}
  const start: StartFlowThread = (_settings, { failed }) => {
    fail = () => failed(new Error('no answer'))
    return {
      post: (message) => {
        if (message.kind === 'batch') given += message.length
      },
      terminate: () => {},
    }
  }
  return { start, given: () => given, fail: () => fail() }
}

const MIB = 1024 * 1024

/** About as many MiB as said, in responses of connections that differ. */
function heavy(mib: number): CapturedFrame[] {
  return Array.from({ length: mib * 4 }, (_, number) =>
    exchange({ atMs: 1_795_000_000_000 + number * 2000, number, responseBytes: 256 * 1024 }),
  ).flat()
}

test('a file waits for a worker that is slow: what it has been given stays small', async () => {
  const path = written('heavy.pcap', heavy(12))
  const { start, given, fail } = silent()
  const assembly = assembled({ workers: 1, start }, [])
  const opened = await openInput(path, {
    lines: async () => NATIVE_LINES,
    formatNamed: false,
    counters: assembly.intake.counters,
  })
  const { info } = opened.source
  let batches = 0
  const reading = drive(
    assembly.chain,
    [{ opened, info, reader: nativeReader(assembly, info) }],
    new AbortController().signal,
    () => {
      batches++
    },
  )
  await new Promise((resolve) => setTimeout(resolve, 300))
  const before = given()
  expect(before).toBeGreaterThan(MIB)
  expect(before).toBeLessThan(4 * MIB)
  expect(batches).toBeLessThan(3)
  fail()
  await expect(reading).rejects.toThrow('no answer')
})

test('of live traffic whole flows are shed for a worker that is slow, counted, and the rest is bounded', async () => {
  const { start, given } = silent()
  const assembly = assembled({ workers: 2, start }, [])
  const source = { kind: 'pcap', name: 'eth1' } as const
  for (const frame of heavy(40)) {
    assembly.chain.frames(source, batchOf(frame, Number(frame.time / 1000n)), 0, 1)
  }
  const { funnel, counters } = assembly.intake
  expect(given()).toBeLessThan(2 * 9 * MIB)
  expect(counters.get('flows.shed')).toBeGreaterThan(10)
  expect(funnel.frames.dropped('shed')).toBeGreaterThan(1000)
  expect(funnel.frames.in).toBeGreaterThan(funnel.frames.dropped('shed') + 1000)
  assembly.chain.abandon()
})

test('an input that is given up gives what came before it', async () => {
  const path = written('given-up.pcap', frames(1, 300))
  const expected = await callsOf([path], { workers: 0, stopAfter: 1 })
  expect(await callsOf([path], { workers: 2, stopAfter: 1 })).toEqual(expected)
})

test('how many workers there are without being told follows from the cores', () => {
  expect([1, 2, 3, 4, 6, 64].map((cores) => flowWorkers(null, cores))).toEqual([0, 0, 1, 2, 4, 4])
  expect(flowWorkers(3, 1)).toBe(3)
})
