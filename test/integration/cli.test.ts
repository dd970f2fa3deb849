import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DETECTORS } from '../../analyzers/registry.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { HOSTILE_TEXT, hasUnshowable } from '../hostile-text.ts'

/** The built program, as a user has it: `node dist/offpath.js` from any working directory. */

const root = join(import.meta.dirname, '../..')
// Below the root, so that the optional package pcap is found as from dist/.
const built = join(root, '.cache', `cli-${process.pid}`)
const program = join(built, 'offpath.js')
const elsewhere = mkdtempSync(join(tmpdir(), 'offpath-cli-'))
const day = join(root, 'demo', 'day.jsonl.gz')

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** No key, configuration or colour of whoever runs the tests. */
function environmentOf(home: string): Record<string, string | undefined> {
  return { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: join(home, 'config') }
}
const environment = environmentOf(elsewhere)

function offpath(
  args: readonly string[],
  options: { cwd?: string; input?: string | Buffer; home?: string } = {},
): Promise<Result> {
  const home = options.home ?? elsewhere
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...args],
      { cwd: options.cwd ?? elsewhere, env: environmentOf(home), maxBuffer: 256 * 1024 * 1024 },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
    child.stdin?.end(options.input)
  })
}

/** The text of a file of the built program and of all that it imports before it runs. */
function loadedWith(file: string, seen = new Set<string>()): string {
  if (seen.has(file)) return ''
  seen.add(file)
  const text = readFileSync(join(built, file), 'utf8')
  const imports = [...text.matchAll(/(?:from|import)"\.\/(part-[\w-]+\.js)"/g)]
  return text + imports.map(([, imported]) => loadedWith(imported!, seen)).join('')
}

beforeAll(() => {
  mkdirSync(built, { recursive: true })
  const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--out', built], { encoding: 'utf8' })
  expect(build.stderr).toBe('')
  expect(build.status).toBe(0)
})

afterAll(() => {
  rmSync(built, { recursive: true, force: true })
  rmSync(elsewhere, { recursive: true, force: true })
})

describe('help', () => {
  const single = ['run', 'replay', 'demo', 'init', 'doctor', 'status', 'top']
  const groups = {
    config: ['check', 'show', 'schema'],
    detector: ['list', 'show', 'tune'],
    policy: ['list', 'test'],
    incident: ['list', 'show', 'explain', 'export'],
    action: ['list', 'approve', 'deny', 'revert'],
    store: ['status', 'migrate', 'query'],
    deploy: ['mark'],
    webhook: ['verify', 'deliveries', 'redeliver'],
  }
  const commands = [...single, ...Object.keys(groups)]
  const leaves = [
    ...single,
    ...Object.entries(groups).flatMap(([group, verbs]) => verbs.map((verb) => `${group} ${verb}`)),
  ]

  test('without a command lists every command', async () => {
    const { code, stdout, stderr } = await offpath([])
    expect(code).toBe(0)
    expect(stderr).toBe('')
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
  })

  test.each(leaves)('of %s has examples, on standard output', async (command) => {
    const { code, stdout, stderr } = await offpath([...command.split(' '), '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`Usage: offpath ${command}`)
    expect(stdout).toMatch(/Examples?:\n {2}\$ .*offpath/)
  })

  test('replay starts without what it does not need: the schema, YAML, detectors', () => {
    const files = readdirSync(built)
    const replay = files.filter((file) => /^part-replay-\w{8}\.js$/.test(file))
    expect(replay.length).toBeGreaterThan(0)
    const loaded = replay.map((file) => loadedWith(file)).join('')
    expect(loaded).toContain('Http1Parser')
    for (const needless of ['ZodString', 'parseDocument', 'DetectorSet', 'ClickHouseClient']) {
      expect(loaded.includes(needless), needless).toBe(false)
    }
  })

  test('pairs are counted without what reads contents, and captures without what unpacks', () => {
    const count = readdirSync(built).filter((file) => /^part-count-\w{8}\.js$/.test(file))
    expect(count).toHaveLength(1)
    const loaded = loadedWith(count[0]!)
    expect(loaded).toContain('Http1Parser')
    for (const needless of ['EndpointMapper', 'Pseudonyms', 'HeaderRedactor', 'createGunzip', 'ZstdDecoder']) {
      expect(loaded.includes(needless), needless).toBe(false)
    }
  })

  test('the version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    expect((await offpath(['--version'])).stdout).toBe(`${version}\n`)
  })

  test('--version of deploy mark is the version of what was released', async () => {
    const { code, stdout, stderr } = await offpath(['deploy', 'mark', '--service', 'a', '--version', '2'])
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' })
    expect(stderr).toContain('no daemon answers')
  })
})

describe('what is wrong is said in one block on standard error, with its exit code', () => {
  const notCapture = join(elsewhere, 'notes.txt')
  const badConfig = join(elsewhere, 'bad.yaml')
  const openKey = join(elsewhere, 'open.key')
  const openKeyConfig = join(elsewhere, 'open-key.yaml')

  beforeAll(() => {
    writeFileSync(notCapture, 'this is no capture, whatever its name says\n'.repeat(10))
    writeFileSync(badConfig, 'limits:\n  flow: 1000\n')
    writeFileSync(openKey, `${'0b'.repeat(32)}\n`)
    chmodSync(openKey, 0o644)
    writeFileSync(openKeyConfig, `privacy: {key_file: ${openKey}}\n`)
  })

  test.each([
    ['an unknown command', ['conifg'], 2, "unknown command 'conifg' (did you mean config?)"],
    ['an unknown option', ['replay', 'x.pcap', '--emti'], 2, "unknown option '--emti' (did you mean --emit?)"],
    ['a missing argument', ['replay'], 2, "missing required argument 'file'"],
    ['a wrong choice', ['replay', 'x.pcap', '--emit', 'transaction'], 2, "argument 'transaction' is invalid"],
    [
      'a format that does not go with the output',
      ['replay', 'x', '--emit', 'signals', '-o', 'table'],
      2,
      'prints jsonl',
    ],
    ['a wrong speed', ['replay', 'x.pcap', '--speed', '-1'], 2, 'expected max or a number above 0'],
    ['nothing to watch', ['run'], 2, 'there is no source to watch'],
    ['--exec without a program', ['run', '--exec'], 2, '--exec needs a program'],
    ['a program without --exec', ['run', 'tcpdump'], 2, "unexpected argument 'tcpdump'"],
    ['--filter alone', ['run', '--filter', 'tcp'], 2, '--filter needs --pcap'],
    ['an unknown detector', ['detector', 'show', 'auth.brutforce'], 2, 'did you mean auth.bruteforce?'],
    ['a missing file', ['replay', 'nowhere.pcap'], 1, 'OFFPATH_E_NO_FILE'],
    ['a file that is no capture', ['replay', notCapture], 1, 'OFFPATH_E_NOT_CAPTURE'],
    ['a missing configuration', ['replay', 'x', '--config', 'nowhere.yaml'], 78, 'there is no such file'],
    [
      'a wrong configuration',
      ['config', 'check', badConfig],
      78,
      'bad.yaml:2:3 limits.flow: unknown key, did you mean `flows`?',
    ],
    ['a key that others can read', ['replay', notCapture, '--config', openKeyConfig], 78, 'chmod 600'],
  ])('%s', async (_, args, code, message) => {
    const result = await offpath(args)
    expect(result.stdout).toBe('')
    expect(result.stderr).toContain(message)
    expect(result.stderr).toMatch(/^offpath: .*\n(?: {2}.*\n)+$/)
    expect(result.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m)
    expect(result.code).toBe(code)
  })
})

describe('config', () => {
  test('schema prints the schema that is in docs/', async () => {
    const { stdout } = await offpath(['config', 'schema'])
    expect(stdout).toBe(readFileSync(join(root, 'docs/offpath.schema.json'), 'utf8'))
  })

  test('show prints what is in force with where it comes from, and reads its own output', async () => {
    const folder = mkdtempSync(join(elsewhere, 'show-'))
    writeFileSync(join(folder, 'offpath.yaml'), 'limits:\n  flows: 1000\n')
    const shown = await offpath(['config', 'show', '--pcap', 'eth7'], { cwd: folder })
    expect(shown.stdout).toContain('interface: eth7 # flag')
    expect(shown.stdout).toContain('flows: 1000 # offpath.yaml:2:3')
    expect(shown.stdout).toContain('head_kib: 64 # default')
    writeFileSync(join(folder, 'offpath.yaml'), shown.stdout)
    expect((await offpath(['config', 'check'], { cwd: folder })).stdout).toBe('offpath.yaml: ok, 1 source\n')
  })

  test('show -o json has the configuration and the origins', async () => {
    const { stdout } = await offpath(['config', 'show', '-o', 'json'])
    const { config, origins } = JSON.parse(stdout) as {
      config: Record<string, unknown>
      origins: Record<string, unknown>
    }
    expect(Object.keys(config)).toEqual(Object.keys(effectiveConfig(CONFIG_SCHEMA, null).config))
    expect(origins['limits.flows']).toEqual({ from: 'default' })
  })
})

describe('init', () => {
  test('writes a file that is valid and short, keeps one that is there, and overwrites it when told', async () => {
    const folder = mkdtempSync(join(elsewhere, 'init-'))
    const init = (...more: string[]) => offpath(['init', '--source', 'pcap:eth0', '--yes', ...more], { cwd: folder })
    expect((await init()).code).toBe(0)
    const text = readFileSync(join(folder, 'offpath.yaml'), 'utf8')
    expect(text).toContain('interface: eth0')
    expect(text.split('\n').length).toBeLessThan(30)
    expect((await offpath(['config', 'check'], { cwd: folder })).stdout).toBe('offpath.yaml: ok, 1 source\n')
    writeFileSync(join(folder, 'offpath.yaml'), 'mine')
    const again = await init()
    expect(again.code).toBe(2)
    expect(again.stderr).toContain('--force')
    expect(readFileSync(join(folder, 'offpath.yaml'), 'utf8')).toBe('mine')
    expect((await init('--force')).code).toBe(0)
    expect(readFileSync(join(folder, 'offpath.yaml'), 'utf8')).toBe(text)
  })

  test('what is commented out in it is valid too', async () => {
    const folder = mkdtempSync(join(elsewhere, 'init-'))
    await offpath(['init', '--source', 'exec:tcpdump -i eth0 -U -w -', '--yes'], { cwd: folder })
    const text = readFileSync(join(folder, 'offpath.yaml'), 'utf8')
    const uncommented = text.replace(/^# (?=[a-z]+:)|^#(?= {3}[a-z_.]+: )/gm, '')
    expect(uncommented).toContain('\ndetectors:\n   scan.probing: {enabled: false}')
    writeFileSync(join(folder, 'all.yaml'), uncommented)
    expect(await offpath(['config', 'check', 'all.yaml'], { cwd: folder })).toMatchObject({ code: 0, stderr: '' })
  })

  test('does not ask where nobody can answer', async () => {
    const { code, stderr } = await offpath(['init'], { cwd: mkdtempSync(join(elsewhere, 'init-')) })
    expect(code).toBe(2)
    expect(stderr).toContain('standard input is no terminal')
  })
})

describe('doctor', () => {
  test('prints every finding as JSON, each failure and warning with a remedy', async () => {
    const { stdout, stderr } = await offpath(['doctor', '-o', 'json'])
    expect(stderr).toBe('')
    const findings = JSON.parse(stdout) as { check: string; level: string; remedy?: string }[]
    expect([...new Set(findings.map(({ check }) => check))]).toEqual([
      'node',
      'npm pcap',
      'privileges',
      'programs',
      'interfaces',
      'configuration',
      'privacy key',
      'trusted hops',
      'memory',
      'policies',
      'data folder',
      'store',
      'API',
    ])
    expect(findings.filter(({ level, remedy }) => level !== 'ok' && remedy === undefined)).toEqual([])
  })

  test('fails on an interface that is not there and a wrong configuration, and makes no key', async () => {
    const folder = mkdtempSync(join(elsewhere, 'doctor-'))
    writeFileSync(join(folder, 'offpath.yaml'), 'sources:\n  - {kind: pcap, interface: nosuch0}\n')
    const missing = await offpath(['doctor'], { cwd: folder, home: join(folder, 'home') })
    expect(missing.code).toBe(1)
    expect(missing.stdout).toMatch(/^fail +interfaces +there is no interface nosuch0\n +fix: set sources/m)
    writeFileSync(join(folder, 'offpath.yaml'), 'source: []\n')
    const wrong = await offpath(['doctor'], { cwd: folder, home: join(folder, 'home') })
    expect(wrong.code).toBe(1)
    expect(wrong.stdout).toContain('did you mean `sources`?')
    expect(existsSync(join(folder, 'home'))).toBe(false)
  })
})

describe('detector', () => {
  test('list names the registered detectors', async () => {
    const list = JSON.parse((await offpath(['detector', 'list', '-o', 'json'])).stdout) as { id: string }[]
    expect(list.map(({ id }) => id).sort()).toEqual(DETECTORS.map(({ id }) => id).sort())
  })

  test('show prints its documentation and its options', async () => {
    const { stdout } = await offpath(['detector', 'show', 'scan.probing'])
    for (const part of ['Statistic', 'Memory', 'Warm-up', 'Traps', 'Tuning', 'detectors.scan.probing']) {
      expect(stdout).toContain(part)
    }
  })
})

describe('replay', () => {
  test('prints transactions as JSON Lines, from another working directory', async () => {
    const { code, stdout, stderr } = await offpath(['replay', '--emit', 'transactions', day])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines.length).toBeGreaterThan(1000)
    for (const line of lines.slice(0, 20)) expect(JSON.parse(line)).toHaveProperty('endpoint')
  })

  test('prints a table without colours to a pipe, and one JSON object for a script', async () => {
    const table = await offpath(['replay', day])
    expect(table.code).toBe(0)
    expect(table.stdout).toMatch(/^ +in +delivered +dropped$/m)
    expect(table.stdout).not.toContain('\x1b')
    const { stdout } = await offpath(['replay', '-o', 'json', day])
    expect(stdout.trimEnd()).not.toContain('\n')
    const keys = ['frames', 'bytes', 'messages', 'pairs', 'quality', 'incidents']
    expect(Object.keys(JSON.parse(stdout) as object)).toEqual(keys)
  })

  test('--emit none prints nothing', async () => {
    expect(await offpath(['replay', '--emit', 'none', day])).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test('a reader that goes away ends it quietly', async () => {
    const child = spawn(process.execPath, [program, 'replay', '--emit', 'transactions', day], { env: environment })
    let stderr = ''
    child.stderr.on('data', (piece) => {
      stderr += piece
    })
    const ended = ending(child)
    await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
    child.stdout.destroy()
    expect(await ended).toEqual({ code: 0, signal: null })
    expect(stderr).toBe('')
  })

  test('a full disk is a failure, said once', () => {
    const full = openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(process.execPath, [program, 'replay', '--emit', 'transactions', day], {
      env: environment,
      encoding: 'utf8',
      stdio: ['ignore', full, 'pipe'],
    })
    closeSync(full)
    expect(stderr).toMatch(/^offpath: standard output cannot be written: .*ENOSPC.*\n$/)
    expect(status).toBe(1)
  })

  test('a cut-off capture gives what came before, a message, and exit 0', async () => {
    const whole = readFileSync(day)
    const { code, stdout, stderr } = await offpath(['replay', '--emit', 'transactions', '-'], {
      input: whole.subarray(0, Math.floor(whole.length / 2)),
    })
    expect(code).toBe(0)
    expect(stdout.split('\n').length).toBeGreaterThan(100)
    expect(stderr).not.toBe('')
  })
})

describe('text from traffic', () => {
  /** Wrong passwords for one account each, at a path and an account that are hostile: an incident per text. */
  const guesses = HOSTILE_TEXT.flatMap(({ text }, index) =>
    Array.from({ length: 12 }, (_, guess) =>
      JSON.stringify({
        ts: `2026-11-21T20:${String(index).padStart(2, '0')}:${String(guess * 2).padStart(2, '0')}.000000Z`,
        method: 'POST',
        host: `api-${index}.shop.test`,
        path: `/login/${text.slice(0, 200)}`,
        client_ip: `192.0.2.${index + 1}`,
        status: 401,
        request_headers: [
          ['content-type', 'application/json'],
          ['user-agent', text],
        ],
        request_body: JSON.stringify({ username: `${index}${text}`, password: `guess-${guess}` }),
      }),
    ),
  ).join('\n')

  test('reaches no table and no message raw', async () => {
    const table = await offpath(['replay', '-'], { input: guesses })
    expect(table.stdout.match(/ auth\.bruteforce, /g)).toHaveLength(HOSTILE_TEXT.length)
    expect(hasUnshowable(table.stdout + table.stderr)).toBe(false)
  })

  test('and neither does a file name or an argument', async () => {
    const text = HOSTILE_TEXT.map((hostile) => hostile.text.replaceAll('\0', '').slice(0, 40)).join('')
    const missing = await offpath(['replay', '--', text])
    expect(missing.code).toBe(1)
    const unknown = await offpath(['detector', 'show', '--', text])
    expect(unknown.code).toBe(2)
    expect(hasUnshowable(missing.stderr + unknown.stderr)).toBe(false)
  })
})

describe('run', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('stops cleanly on %s while nothing arrives', async (signal) => {
    // A command that keeps root while it reads traffic is refused.
    const silent = [
      ...(process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []),
      'sleep',
      '30',
    ]
    const child = spawn(process.execPath, [program, 'run', '--exec', '--', ...silent], {
      env: environment,
      cwd: elsewhere,
    })
    const ended = ending(child)
    await new Promise<void>((resolve) =>
      child.stderr.on('data', (log) => String(log).includes('watching') && resolve()),
    )
    child.kill(signal)
    expect(await ended).toEqual({ code: 0, signal: null })
  })

  test('does not hang on a signal when standard input is open and silent', async () => {
    const child = spawn(process.execPath, [program, 'replay', '-'], { env: environment, cwd: elsewhere })
    const ended = ending(child)
    await new Promise((resolve) => setTimeout(resolve, 500))
    child.kill('SIGINT')
    expect((await ended).signal).toBeNull()
  })

  test('prints incidents of a recorded scene as JSON Lines, logs on standard error', async () => {
    const { code, stdout, stderr } = await offpath(['run', '-o', 'jsonl', '--file', join(root, 'demo/scene.pcap.gz')])
    expect(code).toBe(0)
    const states = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string; detector: string })
    expect(new Set(states.map(({ detector }) => detector))).toEqual(
      new Set(['auth.bruteforce', 'object.enumeration', 'scan.probing']),
    )
    for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('level')
  })

  test('refuses the published test key', async () => {
    const published = Buffer.from('offpath published test key, never use it for real traffic').toString('hex')
    const key = join(elsewhere, 'published.key')
    writeFileSync(key, published, { mode: 0o600 })
    writeFileSync(join(elsewhere, 'published.yaml'), `privacy: {key_file: ${key}}\n`)
    const { code, stderr } = await offpath(['run', '--file', day, '--config', 'published.yaml'])
    expect(code).toBe(78)
    expect(stderr).toContain('OFFPATH_E_KEY')
  })

  test('names a program that is not there', async () => {
    const { code, stderr } = await offpath(['run', '--exec', '--', 'no-such-program'])
    expect(code).toBe(1)
    expect(stderr).toContain('OFFPATH_E_EXEC')
  })
})

function ending(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })))
}
