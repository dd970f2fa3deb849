import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { offpath } from '../in-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-simulate-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const simulate = (...args: string[]) => offpath('simulate', '--users', '200', '--rate', '20', ...args)

function linesOf(path: string): Record<string, unknown>[] {
  const text = readFileSync(path, 'utf8').trimEnd()
  return text.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('records and truth belong together line by line, and one seed makes them again', async () => {
  const [records, truth, again] = ['a.jsonl', 'a.truth', 'b.jsonl'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const attack = ['--attack', 'scan.probing:blatant']
  expect(
    (await simulate('--most', '1500', '--days', '0.02', '--out', records, '--truth', truth, ...attack)).status,
  ).toBe(0)
  await simulate('--most', '1500', '--days', '0.02', '--out', again, ...attack)
  expect(readFileSync(again).equals(readFileSync(records))).toBe(true)
  const [made, labels] = [linesOf(records), linesOf(truth)]
  expect(made.map(({ id }) => id)).toEqual(labels.map(({ id }) => id))
  expect(made.every(({ redacted }) => redacted === false)).toBe(true)
  expect(labels.filter(({ attack: label }) => label === 'scan.probing/blatant#1').length).toBeGreaterThan(100)
})

test('standard output holds records and nothing else', async () => {
  const { status, stdout } = await simulate('--most', '50')
  expect(status).toBe(0)
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => typeof (JSON.parse(line) as { ts: unknown }).ts),
  ).toEqual(Array(50).fill('string'))
})

test('a server gets requests that are marked, as many as asked, and no faster than asked', async () => {
  const seen: { mark: string | undefined; forwarded: string | undefined; host: string | undefined }[] = []
  const server = createServer((request, response) => {
    const { headers } = request
    seen.push({
      mark: String(headers['x-offpath-simulated']),
      forwarded: String(headers['x-forwarded-for']),
      host: headers.host,
    })
    request.resume().on('end', () => response.end('{}'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const begun = performance.now()
    const { status } = await simulate(
      '--most',
      '60',
      '--rate',
      '60',
      '--target',
      `http://127.0.0.1:${port}`,
      '--seed',
      'live',
    )
    expect(status).toBe(0)
    expect(performance.now() - begun).toBeGreaterThan(900)
    expect(seen).toHaveLength(60)
    expect(seen.every(({ mark }) => mark === 'live')).toBe(true)
    expect(new Set(seen.map(({ forwarded }) => forwarded)).size).toBeGreaterThan(3)
    expect(seen.some(({ host }) => host?.endsWith('.example'))).toBe(true)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

test.each([
  [['--target', 'http://192.0.2.1:80'], /not this machine/],
  [['--target', 'http://staging.example', '--allow-target', 'other.example'], /not this machine/],
  [['--target', 'https://127.0.0.1'], /no http/],
  [['--target', 'http://127.0.0.1:9', '--rate', '5000'], /at most --rate/],
  [['--attack', 'scan.nothing'], /no attack scan.nothing/],
  [['--attack', 'scan.probing:wild'], /none of blatant/],
  [['--rate', '0'], /above 0/],
])('%o is refused before anything is sent or written', async (args, message) => {
  const { status, stdout, stderr } = await simulate(...args)
  expect(status).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toMatch(message)
})

test('a file that cannot be written is said, with its path', async () => {
  const { status, stderr } = await simulate('--most', '5', '--out', join(folder, 'nowhere', 'x.jsonl'))
  expect(status).toBe(1)
  expect(stderr).toContain('nowhere')
})
