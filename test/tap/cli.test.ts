import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { HOSTILE_TEXT, hasUnshowable } from '../hostile-text.ts'
import { decode, FIXTURES, fixtureLines } from './decode.ts'

/** The built program, with the presets beside it, as a user has it. */
const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'offpath-tap-'))
const built = join(folder, 'dist')
const key = Buffer.from(TEST_KEY.bytes).toString('hex')

beforeAll(() => {
  const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--out', built], { encoding: 'utf8' })
  expect(build.stderr).toBe('')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function offpath(args: readonly string[], input?: string | Buffer): Promise<Result> {
  const env = { PATH: process.env.PATH, HOME: folder, OFFPATH_PRIVACY_KEY: key }
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(built, 'offpath.js'), ...args],
      { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
    child.stdin!.on('error', () => {})
    child.stdin!.end(input)
  })
}

const fixture = (name: string) => join(FIXTURES, `${name}.jsonl`)
const withoutEndpoint = (line: string) => {
  const { endpoint: _e, service: _s, ...rest } = JSON.parse(line) as Record<string, unknown>
  return rest
}

describe('replay', () => {
  test.each(['kong', 'nginx', 'tyk', 'goreplay', 'har'])('%s: by name and by content, also twice', async (name) => {
    const [named, found, again] = await Promise.all([
      offpath(['replay', fixture(name), '--format', name, '--emit', 'transactions']),
      offpath(['replay', fixture(name), '--emit', 'transactions']),
      offpath(['replay', '-', '--emit', 'transactions'], gzipSync(fixtureLines(name).join('\n'))),
    ])
    expect(named.code).toBe(0)
    expect(named.stderr).not.toContain('read as')
    expect(found.stderr).toContain(`read as ${name} (`)
    expect(found.stdout).toBe(named.stdout)
    expect(again.stdout.replaceAll('"stdin"', `"${name}.jsonl"`)).toBe(named.stdout)
    const lines = named.stdout.split('\n').slice(0, -1)
    const byId = (a: Record<string, unknown>, b: Record<string, unknown>) => (String(a.id) < String(b.id) ? -1 : 1)
    const wanted = decode(fixtureLines(name), name).lines.map((line) =>
      withoutEndpoint(line.replaceAll('"gateway.jsonl"', `"${name}.jsonl"`)),
    )
    // Principals depend on order, which is event time here and that of the file there.
    const facts = (each: Record<string, unknown>) => ({ ...each, principal: null, marks: null })
    expect(lines.map(withoutEndpoint).map(facts).sort(byId)).toEqual(wanted.map(facts).sort(byId))
    expect(lines.every((line) => line.includes('"source":{"kind":"file"'))).toBe(true)
  })

  test('a file of GoReplay: records of any bytes, each with its answer', async () => {
    const gor = join(folder, 'recorded.gor')
    const request = 'POST /v1/items?page=2 HTTP/1.1\r\nHost: api.test\r\nContent-Length: 10\r\n\r\n{"a":\n"b"}'
    const answer = 'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"id":7}'
    const binary = Buffer.concat([
      Buffer.from('1 77f2 1795290609000000000\nPUT /v1/image HTTP/1.1\r\nHost: api.test\r\nContent-Length: 4\r\n\r\n'),
      Buffer.from([0xff, 0x0a, 0x00, 0xfe]),
    ])
    const records = [`1 77f1 1795290608000000000\n${request}`, `2 77f1 1795290608020000000 20000000\n${answer}`, binary]
    writeFileSync(gor, Buffer.concat(records.flatMap((record) => [Buffer.from(record), Buffer.from('\n🐵🙈🙉\n')])))
    const { code, stdout, stderr } = await offpath(['replay', gor, '--emit', 'transactions'])
    expect(code, stderr).toBe(0)
    const [posted, put] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(posted).toMatchObject({ method: 'POST', path: '/v1/items', query: 'page=2', status: 201 })
    expect(posted).toMatchObject({ request_body: '{"a":\n"b"}', response_body: '{"id":7}', duration_us: 20_000 })
    expect(put).toMatchObject({ method: 'PUT', status: null, request_body_bytes: 4, truncated: ['binary'] })
    const explained = await offpath(['tap', 'explain', gor])
    expect(explained.stdout).toContain('3 records, 2 transactions')
  })

  test('a HAR file over many lines, and a line of many records', async () => {
    const har = join(folder, 'browser.har')
    writeFileSync(har, JSON.stringify(JSON.parse(fixtureLines('har')[0]!), null, 2))
    const whole = await offpath(['replay', har, '--emit', 'transactions'])
    expect(whole.stdout.split('\n')).toHaveLength(3)
    const batch = JSON.stringify(
      fixtureLines('kong')
        .slice(0, 2)
        .map((line) => JSON.parse(line) as unknown),
    )
    const many = await offpath(['replay', '-', '--emit', 'transactions'], `${batch}\n`)
    expect(many.stdout.split('\n')).toHaveLength(3)
  })

  test('a printed transaction goes back in as a native one', async () => {
    const first = await offpath(['replay', fixture('kong'), '--emit', 'transactions'])
    const second = await offpath(['replay', '-', '--emit', 'transactions'], first.stdout)
    expect(second.stderr).toBe('')
    expect(second.stdout).toBe(first.stdout)
  })

  test('what fits no format is refused with the nearest ones', async () => {
    const nothing = await offpath(['replay', '-'], '{"a":1}\n')
    expect(nothing.code).toBe(1)
    expect(nothing.stderr).toContain('none of the known formats')
    const unknown = await offpath(['replay', fixture('kong'), '--format', 'kng'])
    expect(unknown.stderr).toContain('did you mean kong?')
  })

  test('a mapping of one’s own reads lines that begin with anything', async () => {
    const mapping = join(folder, 'mine.yaml')
    writeFileSync(
      mapping,
      `name: mine
title: Mine
decode: ["after_prefix?", json]
fields: {ts: {epoch_s: t}, client.ip: who, request.method: m, request.target: p, response.status: s}
`,
    )
    const line =
      '<14>1 host app: {"t":"1795290601.5","who":"203.0.113.9","m":"GET","p":"/v1/a?token=c4nary","s":"200"}\n'
    const { stdout, code } = await offpath(
      ['replay', '-', '--format', mapping, '--emit', 'transactions'],
      line.repeat(2),
    )
    expect(code).toBe(0)
    expect(stdout).toContain('"path":"/v1/a"')
    expect(stdout).not.toContain('c4nary')
  })
})

describe('tap presets', () => {
  test('lists every preset, and prints one that can be used as a file', async () => {
    const { stdout } = await offpath(['tap', 'presets'])
    expect(stdout).toContain('kong          Kong log plugins')
    const list = JSON.parse((await offpath(['tap', 'presets', '-o', 'json'])).stdout) as { name: string }[]
    expect(list).toHaveLength(15)
    const copy = join(folder, 'copy.yaml')
    writeFileSync(copy, (await offpath(['tap', 'presets', 'kong'])).stdout)
    const [own, shipped] = await Promise.all(
      [copy, 'kong'].map((format) =>
        offpath(['replay', fixture('kong'), '--format', format, '--emit', 'transactions']),
      ),
    )
    expect(own!.stdout).toBe(shipped!.stdout)
  })
})

describe('tap explain', () => {
  test('says where fields came from, and what failed', async () => {
    const { stdout, code } = await offpath(['tap', 'explain', fixture('kong')])
    expect(code).toBe(0)
    expect(stdout).toContain('kong.jsonl: kong (Kong log plugins (http-log, kafka-log, file-log)), 100 % sure')
    expect(stdout).toMatch(/^ts +epoch_ms: started_at +4$/m)
    expect(stdout).toMatch(/^ +int: request.size +1 failed \(text of 8 characters\)$/m)
    expect(stdout).toContain('this sample lacks: request_body, response_body, authorization')
  })

  test('says it as JSON, of standard input, and which detectors are starved', async () => {
    const text = readFileSync(fixture('otlp'), 'utf8')
    const { stdout } = await offpath(['tap', 'explain', '-', '-o', 'json', '--records', '1'], text)
    const report = JSON.parse(stdout) as Record<string, unknown>
    expect(report).toMatchObject({ source: 'stdin', format: 'otlp', records: 1, transactions: 1 })
    expect(report.lacks).toContain('unsampled')
    expect(report.detectors).toContainEqual(expect.objectContaining({ detector: 'auth.bruteforce', state: 'starved' }))
    expect(report.detectors).toContainEqual(
      expect.objectContaining({ detector: 'object.enumeration', state: 'weaker' }),
    )
  })

  test('hostile text reaches no terminal, and no secret is shown', async () => {
    const record = JSON.parse(fixtureLines('kong')[0]!) as { request: Record<string, unknown>; [key: string]: unknown }
    const lines = HOSTILE_TEXT.map(({ text }) =>
      JSON.stringify({
        ...record,
        client_ip: text,
        request: { ...record.request, uri: `/v1/${text}`, headers: { [text]: text, authorization: 'Bearer c4nary' } },
        service: { name: text },
      }),
    )
    for (const extra of [fixtureLines('kong')[0]!.replace('/v1/orders/1042', `/v1/\\u001b[2J\\u202e`), '']) {
      const { stdout } = await offpath(['tap', 'explain', '-', '--format', 'kong'], [extra, ...lines].join('\n'))
      expect(hasUnshowable(stdout)).toBe(false)
      expect(stdout).not.toContain('c4nary')
      expect(stdout).toContain('no_client_ip')
    }
  })

  test('a capture is not what it looks at', async () => {
    const { code, stderr } = await offpath(['tap', 'explain', join(root, 'test/captures/keep-alive.pcap')])
    expect(code).toBe(2)
    expect(stderr).toContain('that is a capture')
  })
})
