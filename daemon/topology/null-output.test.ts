import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { effectiveConfig } from '../config/effective.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import { type Emit, replay } from './replay.ts'

const CAPTURES = ['pipelined-node', 'gap-in-head', 'midstream', 'lost-response', 'smuggling-cl-te', 'websocket-upgrade']

async function totals(capture: string, emit: Emit) {
  const { config } = effectiveConfig(CONFIG_SCHEMA, null)
  const lines: string[] = []
  const { frames, bytes, messages, pairs, weirds } = await replay({
    files: [join('test', 'captures', `${capture}.pcap`)],
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

test.each(CAPTURES)(
  '%s: with nobody looking, everything is paired and counted as with a line per pair',
  async (name) => {
    const printed = await totals(name, 'transactions')
    const silent = await totals(name, 'none')
    expect(silent.counts).toEqual(printed.counts)
    expect(printed.lines).toBeGreaterThan(0)
    expect(silent.lines).toBe(0)
  },
)
