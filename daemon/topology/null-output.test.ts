import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCapture, writePcap } from '../../test/mutate/capture-file.ts'
import { chain, loseData, reorder } from '../../test/mutate/mutators.ts'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { effectiveConfig } from '../config/effective.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import { type Emit, replay } from './replay.ts'

const CAPTURES = ['pipelined-node', 'gap-in-head', 'midstream', 'lost-response', 'smuggling-cl-te', 'websocket-upgrade']

async function totals(file: string, emit: Emit) {
  const { config } = effectiveConfig(CONFIG_SCHEMA, null)
  const lines: string[] = []
  const { frames, bytes, messages, pairs, weirds } = await replay({
    files: [file],
    emit,
    bodies: 'none',
    config,
    key: TEST_KEY,
    speed: 'max',
    write: (line) => void lines.push(line),
    warn: () => {},
    stop: new AbortController().signal,
  })
  return { lines: lines.length, counts: { frames, bytes, messages, pairs, weirds } }
}

const pathOf = (capture: string) => join('test', 'captures', `${capture}.pcap`)

test.each(CAPTURES)(
  '%s: with nobody looking, everything is paired and counted as with a line per pair',
  async (name) => {
    const printed = await totals(pathOf(name), 'transactions')
    const silent = await totals(pathOf(name), 'none')
    expect(silent.counts).toEqual(printed.counts)
    expect(printed.lines).toBeGreaterThan(0)
    expect(silent.lines).toBe(0)
  },
)

test('messages that are used again, as nobody looks at them, pair as fresh ones do, whatever was lost before', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-null-'))
  const file = join(folder, 'dirty.pcap')
  try {
    for (const capture of ['interleaved', 'keep-alive', 'pipelined-20']) {
      const frames = readCapture(readFileSync(pathOf(capture)))
      for (let seed = 1; seed <= 8; seed++) {
        writeFileSync(file, writePcap(chain(reorder(seed, 0.1), loseData(seed, 0.05))(frames)))
        const printed = await totals(file, 'transactions')
        const silent = await totals(file, 'none')
        expect(silent.counts, `${capture}, seed ${seed}`).toEqual(printed.counts)
      }
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
