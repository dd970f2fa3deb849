import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sign } from '../../sinks/webhook/signature.ts'
import { until } from './receiver.ts'

/** The receivers of examples/ against requests that are really signed: what they take, and what they must refuse. */

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples', 'webhook-receivers')
const BODY = readFileSync(join(import.meta.dirname, 'golden', 'incident-opened.json'), 'utf8')
const [newer, older, stranger] = [randomBytes(32), randomBytes(24), randomBytes(32)] as [Buffer, Buffer, Buffer]
const secretsOf = (secrets: Buffer[]) => secrets.map((secret) => `whsec_${secret.toString('base64')}`).join(' ')
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-receivers-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Case {
  readonly name: string
  readonly right: boolean
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

function cases(): Case[] {
  const now = Date.now()
  const signed = (name: string, right: boolean, secrets: Buffer[], atMs = now, body = BODY, change = {}): Case => ({
    name,
    right,
    headers: { ...sign(`evt ${name}`.replaceAll(' ', '-'), BODY, secrets, atMs), ...change },
    body,
  })
  return [
    signed('good', true, [newer]),
    signed('signed with the secret before', true, [older]),
    signed('two signatures, one of a secret that is not known', true, [stranger, newer]),
    signed('tampered body', false, [newer], now, BODY.replace('203', '204')),
    signed('line feed added', false, [newer], now, `${BODY}\n`),
    signed('another id', false, [newer], now, BODY, { 'webhook-id': 'evt-other' }),
    signed('another timestamp', false, [newer], now, BODY, { 'webhook-timestamp': String(Math.floor(now / 1000) - 1) }),
    signed('old timestamp', false, [newer], now - 600_000),
    signed('future timestamp', false, [newer], now + 600_000),
    signed('unknown secret', false, [stranger]),
    signed('no signature', false, [newer], now, BODY, { 'webhook-signature': '' }),
  ]
}

const LANGUAGES = [
  {
    name: 'node',
    needs: [process.execPath, '--version'],
    command: [process.execPath, 'node/receiver.mjs'],
    build: null,
  },
  { name: 'python', needs: ['python3', '--version'], command: ['python3', 'python/receiver.py'], build: null },
  {
    name: 'go',
    needs: ['go', 'version'],
    command: ['OUT/receiver'],
    build: ['go', 'build', '-o', 'OUT/receiver', 'go/receiver.go'],
  },
  {
    name: 'java',
    needs: ['javac', '-version'],
    command: ['java', '-cp', 'OUT', 'Receiver'],
    build: ['javac', '-d', 'OUT', 'java/Receiver.java'],
  },
].map((language) => ({
  ...language,
  missing: spawnSync(language.needs[0]!, language.needs.slice(1)).status !== 0,
}))

describe.each(LANGUAGES)('the receiver in $name', ({ name, needs, command, build, missing }) => {
  let child: ChildProcess | null = null
  let out = ''
  const placed = (words: readonly string[]) => words.map((word) => word.replace('OUT', folder)) as [string, ...string[]]

  beforeAll(async () => {
    if (missing) return
    if (build !== null) {
      const [program, ...args] = placed(build)
      const built = spawnSync(program, args, {
        cwd: EXAMPLES,
        encoding: 'utf8',
        env: { ...process.env, GOFLAGS: '', GO111MODULE: 'off' },
      })
      if (built.status !== 0) throw new Error(built.stderr)
    }
    const [program, ...args] = placed(command)
    child = spawn(program, args, {
      cwd: EXAMPLES,
      env: { ...process.env, OFFPATH_WEBHOOK_SECRETS: secretsOf([newer, older]), PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child.stdout!.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    await until(() => /^listening \d+$/m.test(out), `${name} listening`)
  })
  afterAll(() => child?.kill('SIGKILL'))

  test('takes what is signed right, once, and refuses everything else', async ({ skip }) => {
    if (missing) skip(`${needs[0]} is not on this machine`)
    const url = `http://127.0.0.1:${/^listening (\d+)$/m.exec(out)![1]}/`
    const answers: [string, number][] = []
    for (const { name: what, headers, body } of cases()) {
      const response = await fetch(url, { method: 'POST', headers, body })
      answers.push([what, response.status])
    }
    expect(answers).toEqual(cases().map(({ name: what, right }) => [what, right ? 204 : 401]))
    const again = cases()[0]!
    expect((await fetch(url, { method: 'POST', headers: again.headers, body: again.body })).status).toBe(204)
    const expected = name === 'java' ? cases().filter(({ right }) => right).length : 1
    await until(() => out.split('received').length - 1 >= expected)
    expect(out.split('received').length - 1).toBe(expected)
  })
})

test('the shell script tells the same', () => {
  const environment = { ...process.env, OFFPATH_WEBHOOK_SECRETS: secretsOf([newer, older]) }
  const answers = cases().map(({ name, headers, body }) => {
    const args = [headers['webhook-id']!, headers['webhook-timestamp']!, headers['webhook-signature']!]
    const ran = spawnSync(join(EXAMPLES, 'verify.sh'), args, { input: body, env: environment, encoding: 'utf8' })
    return [name, ran.status]
  })
  expect(answers).toEqual(cases().map(({ name, right }) => [name, right ? 0 : 1]))
})
