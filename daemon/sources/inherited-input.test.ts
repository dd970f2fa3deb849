import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { ByteInput } from './byte-input.ts'
import { inheritedInput } from './inherited-input.ts'

const folders: string[] = []
const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'offpath-input-'))
  folders.push(path)
  return path
}

afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true })
})

/** A named pipe: the end that writes, and the other read as an inherited descriptor. */
function pipe(stop = new AbortController().signal): { readonly writer: number; readonly input: ByteInput } {
  const path = join(folder(), 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  return { writer, input: inheritedInput(reader, stop) }
}

/** All that is left, asked for in so many bytes at a time. */
async function rest(input: ByteInput, length: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (;;) {
    const buffer = Buffer.alloc(length + 1, 0xee)
    const count = await input.read(buffer, 1, length)
    if (count === 0) return Buffer.concat(pieces)
    pieces.push(buffer.subarray(1, 1 + count))
  }
}

const bytesOf = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255))

test.each([1, 7, 5000, 100_000])('a pipe is read as it was written, %i bytes at a time', async (length) => {
  const { writer, input } = pipe()
  const bytes = bytesOf(length === 1 ? 300 : 60_000)
  const read = rest(input, length)
  for (let at = 0; at < bytes.length; at += 20_000) {
    writeSync(writer, bytes.subarray(at, at + 20_000))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  closeSync(writer)
  expect(await read).toEqual(bytes)
  expect(input.damage).toBeNull()
  expect(await input.read(Buffer.alloc(4), 0, 4)).toBe(0)
  await input.close()
})

test('what was not asked for yet is not written over', async () => {
  const { writer, input } = pipe()
  writeSync(writer, bytesOf(50_000))
  const first = Buffer.alloc(100)
  expect(await input.read(first, 0, 100)).toBe(100)
  writeSync(writer, Buffer.alloc(10_000, 0xff))
  await new Promise((resolve) => setTimeout(resolve, 20))
  closeSync(writer)
  expect(Buffer.concat([first, await rest(input, 999)])).toEqual(
    Buffer.concat([bytesOf(50_000), Buffer.alloc(10_000, 0xff)]),
  )
  await input.close()
})

test('a silent pipe is waited for no longer when told to stop', async () => {
  const stop = new AbortController()
  const { writer, input } = pipe(stop.signal)
  const read = input.read(Buffer.alloc(10), 0, 10)
  stop.abort()
  expect(await read).toBe(0)
  expect(input.damage).toBe('the input broke off: it was closed')
  closeSync(writer)
})

test('a file that was given in the place of a pipe is read', async () => {
  const path = join(folder(), 'file')
  writeFileSync(path, bytesOf(150_000))
  const input = inheritedInput(openSync(path, 'r'), new AbortController().signal)
  expect(await rest(input, 4096)).toEqual(bytesOf(150_000))
  await input.close()
})
