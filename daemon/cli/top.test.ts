import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { FakeOperations } from '../../test/api/fake-operations.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { createLogger } from '../telemetry/log.ts'
import type { CliContext } from './context.ts'
import { Screen } from './screen.ts'
import { runTop } from './top.ts'

const ENTER = '\x1b[?1049h'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

/** A terminal of 80 by 24, and what was written to it. */
function terminal() {
  const written: string[] = []
  const raw: boolean[] = []
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => void raw.push(on) })
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 })
  stdout.on('data', (text: Buffer) => void written.push(text.toString()))
  const context = {
    environment: {},
    stdin,
    stdout,
    stderr: new PassThrough(),
    logger: createLogger('silent', { write: () => undefined }),
    width: 80,
    colour: false,
    stop: new AbortController(),
    exitCode: 0,
  } as unknown as CliContext
  return { context, stdin, stdout, raw, screen: () => written.join('') }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !condition(); tries++) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(condition()).toBe(true)
}

const restored = ({ raw, screen }: ReturnType<typeof terminal>) => {
  expect(raw).toEqual([true, false])
  expect(screen().split(ENTER).length - 1).toBe(1)
  expect(screen().endsWith(LEAVE)).toBe(true)
}

test.each(['q', '\x03', '\x04'])('key %j ends it, and the terminal is as it was', async (key) => {
  const at = terminal()
  const done = runTop(new FakeOperations(), at.context, 10)
  await until(() => at.screen().includes('Password guessing'))
  at.stdin.write(key)
  await done
  restored(at)
})

test('a signal ends it too', async () => {
  const at = terminal()
  const done = runTop(new FakeOperations(), at.context, 10)
  await until(() => at.screen().includes(ENTER))
  at.context.stop.abort()
  await done
  restored(at)
})

test('an error while drawing ends it, with the terminal as it was', async () => {
  const at = terminal()
  const offpath = new FakeOperations()
  const done = runTop(offpath, at.context, 10)
  Object.defineProperty(at.stdout, 'columns', {
    get: () => {
      throw new Error('gone')
    },
  })
  await expect(done).rejects.toThrow('gone')
  restored(at)
})

test('it asks again and again, and not for the screen while paused', async () => {
  const at = terminal()
  const offpath = new FakeOperations()
  const done = runTop(offpath, at.context, 5)
  await until(() => offpath.asked.length > 6)
  at.stdin.write('p')
  await until(() => at.screen().includes('paused'))
  at.stdin.write('?')
  await until(() => at.screen().includes('this page'))
  at.stdin.write('q')
  await done
})

test('a daemon that goes away is said; one that was never there is an error before anything is drawn', async () => {
  const at = terminal()
  const offpath = new FakeOperations()
  const done = runTop(offpath, at.context, 5)
  await until(() => offpath.asked.length > 3)
  offpath.fault = new OffpathError('OFFPATH_E_UNREACHABLE', 'no daemon answers')
  await until(() => at.screen().includes('no daemon answers'))
  at.stdin.write('q')
  await done
  const never = terminal()
  offpath.fault = new OffpathError('OFFPATH_E_UNREACHABLE', 'no daemon answers')
  await expect(runTop(offpath, never.context, 5)).rejects.toMatchObject({ exitCode: 69 })
  expect([never.screen(), never.raw]).toEqual(['', []])
})

test('only lines that changed are written', () => {
  const written: string[] = []
  const screen = new Screen({ write: (text: string) => written.push(text) })
  screen.draw(['before it is entered'])
  screen.enter()
  screen.draw(['a', 'b', 'c'])
  written.length = 0
  screen.draw(['a', 'x', 'c'])
  screen.draw(['a', 'x', 'c'])
  screen.draw(['a', 'x'])
  expect(written).toEqual(['\x1b[2;1Hx\x1b[K', '\x1b[3;1H\x1b[K'])
  screen.resized()
  screen.draw(['a'])
  expect(written.at(-1)).toBe('\x1b[1;1Ha\x1b[K')
  screen.leave()
  screen.leave()
  expect(written.filter((text) => text === LEAVE).length).toBe(1)
})
