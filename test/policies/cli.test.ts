import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileCondition } from '../../daemon/policies/cel.ts'
import { HOSTILE_TEXT, hasUnshowable } from '../hostile-text.ts'
import { FIXTURES, fixtureText } from './fixtures.ts'

/** The built program, with the shipped policies beside it, as a user has it. */
const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'offpath-policy-cli-'))
const built = join(folder, 'dist')
const key = 'a5'.repeat(32)

beforeAll(() => {
  const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--out', built], { encoding: 'utf8' })
  expect(build.stderr).toBe('')
  mkdirSync(join(folder, 'mine'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function offpath(...args: string[]): Promise<Result> {
  const env = { PATH: process.env.PATH, HOME: folder, OFFPATH_PRIVACY_KEY: key }
  return new Promise((resolve) => {
    execFile(process.execPath, [join(built, 'offpath.js'), ...args], { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

const policy = (more: string, title = 'Mine') => `apiVersion: offpath.dev/v1
kind: Policy
metadata: {id: mine, title: ${JSON.stringify(title)}}
when: {detectors: [scan.probing]}
group: {by: [subject]}
${more}`

function isCondition(text: string): boolean {
  try {
    compileCondition(text)
    return text.length <= 4096
  } catch {
    return false
  }
}

describe('policy list', () => {
  test('shows the shipped policies without a configuration', async () => {
    const { code, stdout } = await offpath('policy', 'list')
    expect(code).toBe(0)
    // As wide as the names are.
    const lines = stdout.split('\n').map((line) => line.trim().replace(/ {2,}/g, '  '))
    expect(lines).toHaveLength(readdirSync(join(root, 'policies')).filter((name) => name.endsWith('.yaml')).length + 2)
    expect(lines[0]).toBe('policy  mode  detectors  severity  respond  origin')
    for (const line of [
      /^attack-payloads {2}simulate {2}injection\.sqli and\S* .*as detected {2}ban-source \(webhook\) {2}shipped attack-payl/,
      /^capture-blind {2}simulate {2}capture\.blind {2}as detected {2}- {2}shipped capture-blind\.y/,
      /^object-enumeration {2}simulate {2}object\.enumeration {2}as detected {2}suspend-caller \(webhook\) {2}shipped object-/,
      /^scan-probing {2}simulate {2}scan\.probing {2}as detected {2}ban-source \(webhook\) {2}shipped scan-prob/,
    ]) {
      expect(lines.filter((each) => line.test(each))).toHaveLength(1)
    }
  })

  test('shows the own folder, and the modes of the configuration', async () => {
    writeFileSync(join(folder, 'mine/mine.yaml'), policy(''))
    writeFileSync(join(folder, 'own.yaml'), 'policies: {folder: mine, modes: {mine: stage}}\n')
    const { stdout } = await offpath('policy', 'list', '--config', 'own.yaml', '-o', 'json')
    const found = (JSON.parse(stdout) as { id: string }[]).find(({ id }) => id === 'mine')
    expect(found).toMatchObject({ mode: 'stage', origin: 'mine/mine.yaml', detectors: ['scan.probing'] })
  })

  test('a policy that is wrong is told with its place, exit 78', async () => {
    writeFileSync(join(folder, 'mine/mine.yaml'), policy('mod: stage\n'))
    const { code, stdout, stderr } = await offpath('policy', 'list', '--config', 'own.yaml')
    expect([code, stdout]).toEqual([78, ''])
    expect(stderr).toMatch(/mine\/mine\.yaml:6:1 mod: unknown key, did you mean `mode`\?/)
    expect(stderr).toMatch(/OFFPATH_E_POLICY/)
  })

  test('hostile text in files does not reach the terminal', async () => {
    mkdirSync(join(folder, 'hostile'))
    const condition = (text: string) => `signal.service == '''${text}'''`
    const texts = HOSTILE_TEXT.map(({ text }) => text).filter((text) => isCondition(condition(text)))
    expect(texts.length).toBeGreaterThan(20)
    const write = (more: (text: string) => string) => {
      for (const [index, text] of texts.entries()) {
        const file = policy(more(text)).replace('id: mine', `id: mine-${index}`)
        writeFileSync(join(folder, 'hostile', `${index}.yaml`), file)
      }
    }
    writeFileSync(join(folder, 'hostile.yaml'), 'policies: {folder: hostile}\n')
    write((text) => `severity: {cases: [{when: ${JSON.stringify(condition(text))}, is: high}]}\n`)
    const listed = await offpath('policy', 'list', '--config', 'hostile.yaml')
    expect(listed.stdout.split('\n').filter((line) => line.startsWith('mine-'))).toHaveLength(texts.length)
    expect(hasUnshowable(listed.stdout)).toBe(false)
    write((text) => `mode: ${JSON.stringify(text)}\n`)
    const refused = await offpath('policy', 'list', '--config', 'hostile.yaml')
    expect([refused.code, refused.stdout]).toEqual([78, ''])
    expect(hasUnshowable(refused.stderr)).toBe(false)
  })
})

test('replay folds by the policies of the configuration', async () => {
  mkdirSync(join(folder, 'strict'))
  const file = policy('severity: critical\n', 'Somebody looks around').replace('id: mine', 'id: scan-probing')
  writeFileSync(join(folder, 'strict/probing.yaml'), file)
  writeFileSync(join(folder, 'strict.yaml'), 'policies: {folder: strict}\n')
  const recording = join(built, 'policies/tests/word-list.jsonl')
  const replay = async (...more: string[]) => {
    const { stdout } = await offpath('replay', recording, '--emit', 'incidents', ...more)
    return JSON.parse(stdout) as Record<string, unknown>
  }
  expect(await replay()).toMatchObject({ title: 'Probing for hidden paths', severity: 'low' })
  expect(await replay('--config', 'strict.yaml')).toMatchObject({
    policy: 'scan-probing',
    title: 'Somebody looks around',
    severity: 'critical',
  })
})

describe('policy test', () => {
  test('the shipped tests pass', async () => {
    const { code, stdout } = await offpath('policy', 'test')
    expect(stdout).toMatch(/ok {2}auth-bruteforce +tests\/guessing\.jsonl +1 {2}critical {2}ban-source\n/)
    expect(stdout).toMatch(/\n\d\d tests, 0 failed\n$/)
    expect(code).toBe(0)
  })

  test('says what is not as expected, and exits 1', async () => {
    writeFileSync(join(folder, 'mine/walk.jsonl'), fixtureText(FIXTURES['word-list.jsonl']!))
    const file = join(folder, 'mine/mine.yaml')
    const step = (id: string, least: string) =>
      `  - {id: ${id}, action: webhook, target: ip, ttl: 5m, guard: {minSeverity: ${least}}}\n`
    writeFileSync(
      file,
      policy(`respond:
${step('ban', 'low')}${step('tell', 'high')}tests:
  - {replay: walk.jsonl, expect: {incidents: 1, severity: low, openedWithin: 1m, actions: [ban]}}
  - {replay: walk.jsonl, expect: {incidents: 2, severity: high, openedWithin: 1s, actions: [ban, tell]}}
  - {replay: nowhere.jsonl, expect: {incidents: 0}}
`),
    )
    const { code, stdout } = await offpath('policy', 'test', 'mine/mine.yaml', '-o', 'json')
    expect(code).toBe(1)
    const results = JSON.parse(stdout) as { passed: boolean; wrong: string[]; incidents: number }[]
    expect(results.map(({ passed }) => passed)).toEqual([true, false, false])
    expect(results[1]!.wrong).toEqual([
      'expected 2 incidents, found 1',
      'expected severity high, found low',
      expect.stringMatching(/^opened after \d+s, expected 1s at most$/),
      'expected actions ban, tell, found ban',
    ])
    expect(results[2]!.wrong[0]).toMatch(/nowhere\.jsonl does not exist/)
  })

  test('a policy without tests is named', async () => {
    writeFileSync(join(folder, 'mine/mine.yaml'), policy(''))
    const { code, stdout } = await offpath('policy', 'test', 'mine/mine.yaml')
    expect([code, stdout]).toEqual([0, '0 tests, 0 failed; without a test: mine\n'])
  })

  test('an id that is not there is a wrong command line', async () => {
    const { code, stderr } = await offpath('policy', 'test', '--policy', 'scan-prober')
    expect(code).toBe(2)
    expect(stderr).toMatch(/no policy 'scan-prober' \(did you mean scan-probing\?\)/)
  })
})
