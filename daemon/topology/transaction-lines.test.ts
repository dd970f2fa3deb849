import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { effectiveConfig } from '../config/effective.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import { type ReplayRequest, replay } from './replay.ts'

/** Some 300 KB of lines, one of them of 64 KB and more, and one with text that is not ASCII. */
const FILES = ['attacks', 'large-response', 'utf8-and-latin1', 'pipelined-node'].map((name) =>
  join('test', 'captures', `${name}.pcap`),
)

async function transactions(output: Pick<ReplayRequest, 'write' | 'writeBytes'>): Promise<void> {
  const { config } = effectiveConfig(CONFIG_SCHEMA, null)
  const stop = new AbortController().signal
  const request = { files: FILES, emit: 'transactions', bodies: 'text', speed: 'max', config, key: TEST_KEY } as const
  await replay({ ...request, warn: () => {}, stop, ...output })
}

async function asText(): Promise<string> {
  const lines: string[] = []
  await transactions({ write: (line) => void lines.push(line) })
  return `${lines.join('\n')}\n`
}

test('lines as bytes are the lines as text', async () => {
  const pieces: Buffer[] = []
  await transactions({
    write: () => {},
    writeBytes: (bytes, done) => {
      pieces.push(Buffer.from(bytes))
      bytes.fill(0)
      done()
    },
  })
  expect(pieces.length).toBeGreaterThan(1)
  expect(Buffer.concat(pieces).toString('utf8')).toBe(await asText())
})

test('a buffer is not touched before its writer is done with it', async () => {
  const pieces: Buffer[] = []
  await transactions({ write: () => {}, writeBytes: (bytes) => void pieces.push(bytes) })
  expect(Buffer.concat(pieces).toString('utf8')).toBe(await asText())
})

test('a writer that asks to wait is waited for, also at the end', async () => {
  let open = 0
  await transactions({
    write: () => {},
    writeBytes: async (_, done) => {
      open++
      await new Promise((resolve) => setTimeout(resolve, 5))
      open--
      done()
    },
  })
  expect(open).toBe(0)
})
