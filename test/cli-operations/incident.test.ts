import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { IncidentDetailJson } from '../../daemon/api/operations.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { replay } from '../../daemon/topology/replay.ts'
import { command, type Terminal } from './command.ts'
import { demoDetails, fakeAction, fakePolicy, MemoryOperations } from './memory-operations.ts'

let details: IncidentDetailJson[]
let operations: MemoryOperations
/** The walk through orders, with an action; the guessing at one account; the probing. */
let walk: IncidentDetailJson
let guessing: IncidentDetailJson
let probing: IncidentDetailJson

const run = (args: readonly string[], terminal?: Terminal) =>
  command(() => operations.connection(), ['incident', ...args], terminal)

beforeAll(async () => {
  details = await demoDetails()
  const at = details.findIndex(({ incident }) => incident.severity === 'high')
  const { id } = details[at]!.incident
  details[at] = {
    ...details[at]!,
    actions: [fakeAction(id)],
    policy: fakePolicy('object-enumeration', { max_log10_p: Math.log10(1 / 200_000) }),
  }
  operations = new MemoryOperations(details)
  walk = details[at]!
  guessing = details.find(({ incident }) => incident.policy === 'auth-bruteforce')!
  probing = details.find(({ incident }) => incident.policy === 'scan-probing')!
})

describe('incident list', () => {
  test('one line each, newest first, with what was done', async () => {
    const { stdout, status } = await run(['list'])
    expect(status).toBe(0)
    const [titles, ...rows] = stdout.trimEnd().split('\n')
    expect(titles).toMatch(/^ID +OPENED +SEVERITY +STATUS +TITLE +SUBJECT +SERVICE +DONE$/)
    expect(rows.length).toBe(details.length)
    const opened = rows.map((row) => row.split(/ {2,}/)[1]!)
    expect(opened).toEqual([...opened].sort().reverse())
    const row = rows.find((each) => each.includes(' high '))!
    expect(row).toMatch(
      /^01m8067\w{5} {2}2026-11-21 23:14:35Z {2}high +open +Object enum\S* .*u_1280 +api.shop\S* +simulated: throttle$/,
    )
    expect(walk.incident.id.startsWith(row.slice(0, 12))).toBe(true)
    expect(rows.filter((each) => each.endsWith('nothing')).length).toBe(details.length - 1)
  })

  test('filters reach the daemon; durations are strict', async () => {
    await run(['list', '--status', 'open', '--severity', 'high', '--policy', 'p', '--limit', '7', '-o', 'json'])
    expect(operations.asked).toEqual({ status: 'open', min_severity: 'high', policy: 'p', limit: 7 })
    await run(['list', '--since', '2026-11-21T20:00:00+02:00', '-o', 'json'])
    expect(operations.asked).toEqual({ since: '2026-11-21T18:00:00.000000Z', limit: 50 })
    const before = Date.now()
    await run(['list', '--since', '24h', '-o', 'json'])
    const since = Date.parse((operations.asked as { since: string }).since)
    expect(Math.abs(before - 86_400_000 - since)).toBeLessThan(5000)
    for (const wrong of ['24', '24 h', '1.5h', '-1h', '24hours', 'yesterday', '2026-11-21', '']) {
      const { status, stderr } = await run(['list', '--since', wrong])
      expect([wrong, status]).toEqual([wrong, 2])
      expect(stderr).toContain('expected 30m, 24h, 7d')
    }
    for (const wrong of ['0', '-1', '1001', '1e2', '5x', '']) {
      expect([wrong, (await run(['list', '--limit', wrong])).status]).toEqual([wrong, 2])
    }
    for (const wrong of [
      ['--severity', 'info'],
      ['--status', 'closed'],
      ['-o', 'xml'],
    ]) {
      expect((await run(['list', ...wrong])).status).toBe(2)
    }
  })

  test('json and jsonl are what the API says, and the connection is closed', async () => {
    const closed = operations.closed
    const json = JSON.parse((await run(['list', '-o', 'json'])).stdout)
    expect(json).toEqual(await operations.incidents({}))
    const jsonl = (await run(['list', '-o', 'jsonl', '--limit', '2'])).stdout.trimEnd().split('\n')
    expect(jsonl.map((line) => JSON.parse(line))).toEqual(json.slice(0, 2))
    expect(operations.closed).toBe(closed + 2)
  })

  test('none says so, and where to look', async () => {
    const none = new MemoryOperations([])
    const { stdout } = await command(() => none.connection(), ['incident', 'list'])
    expect(stdout).toBe('No incidents yet. offpath status says whether traffic is seen.\n')
    expect((await run(['list', '--policy', 'nowhere'])).stdout).toMatch(/^No incident matches\./)
  })

  test.each([40, 80, 100, 200])('at %i columns nothing runs over the edge that can be cut', async (width) => {
    const { stdout } = await run(['list'], { width })
    const least = 12 + 20 + 8 + 6 + 20 + 12 + 8 + 19 + 2 * 7
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(Math.max(width, least))
  })
})

describe('incident show', () => {
  test('says who, what, since when, how it is known, what came of it, what was done, and how to go on', async () => {
    const { stdout, status } = await run(['show', walk.incident.id])
    expect(status).toBe(0)
    for (const said of [
      /^HIGH {2}Object enumeration {2}u_1280 {2}open$/m,
      /^about 2\d\d different orders answered in 12 s/m,
      /^Subject +user u_1280$/m,
      /^Opened +2026-11-21 23:14:35Z, last seen 2026-11-21 23:14:45Z, 10 s later$/m,
      /^How often +213 requests, 183 signals$/m,
      /^Expected +2-3 different orders in 10 min$/m,
      /^Observed +218 \(2026-11-21 23:14:45Z\)$/m,
      /^Outcome +it probably worked \(p 0.95\), 218 objects of others exposed$/m,
      /^Detected by +object.enumeration, OWASP API1:2023, ATT&CK T1119, ATT&CK T1213$/m,
      /^Policy +object-enumeration, mode simulate, owner api-team$/m,
      /^Evidence \(100 requests kept of 213\):$/m,
      /^ {2}23:14:33.906 +GET +\/v1\/orders\/49646 +200 +u_1280$/m,
      /… 88 more/,
      /applied, simulated +throttle \(webhook\) +user u_1280 +23:29:35Z/,
      new RegExp(`offpath incident explain ${walk.incident.id} `),
    ]) {
      expect(stdout).toMatch(said)
    }
    expect(stdout).not.toMatch(/undefined|NaN|\[object/)
  })

  test('the beginning of an id is enough when one begins so', async () => {
    const { id } = guessing.incident
    expect((await run(['show', id.slice(0, 13)])).stdout).toBe((await run(['show', id])).stdout)
    expect((await run(['show', id.slice(0, 13).toUpperCase()])).status).toBe(0)
    const shared = await run(['show', id.slice(0, 5)])
    expect(shared.status).toBe(1)
    expect(shared.stderr).toMatch(
      /^offpath: 6 incidents begin with 01m80\n {2}remedy: one of 01m80\w+, 01m80\w+, 01m80\w+, …\n {2}code: +OFFPATH_E_NOT_FOUND\n$/,
    )
  })

  test('an id that is not there says so, with those that come near', async () => {
    const { id } = walk.incident
    const typo = `${id.slice(0, 14)}${id[14] === 'x' ? 'y' : 'x'}${id.slice(15)}`
    const { stderr, status, stdout } = await run(['show', typo])
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toContain(`there is no incident ${typo}`)
    expect(stderr).toContain(`did you mean ${id}?`)
    expect(stderr).toContain('OFFPATH_E_NOT_FOUND')
    expect((await run(['show', 'zzz'])).stderr).toContain('remedy: offpath incident list')
    expect((await run(['show', ''])).status).toBe(1)
  })

  test('-o json is the whole detail', async () => {
    expect(JSON.parse((await run(['show', walk.incident.id, '-o', 'json'])).stdout)).toEqual(walk)
  })

  test('colours only where the terminal has them', async () => {
    expect((await run(['show', walk.incident.id], { tty: true })).stdout).toContain('\x1b[31mHIGH\x1b[39m')
    expect((await run(['show', walk.incident.id])).stdout).not.toContain('\x1b')
  })

  test('without a store the evidence is what the incident itself has', async () => {
    const bare = new MemoryOperations([{ ...walk, signals: [], transactions: [], history: [], policy: null }])
    const { stdout, status } = await command(() => bare.connection(), ['incident', 'show', walk.incident.id])
    expect(status).toBe(0)
    expect(stdout).toContain(
      'Evidence (100 requests kept of 213; the requests themselves are not at hand: offpath store status):',
    )
    expect(stdout).toContain(walk.incident.evidence[0]!.transaction_id!)
    const explained = await command(() => bare.connection(), ['incident', 'explain', walk.incident.id])
    expect(explained.stdout).toContain('None are at hand')
    expect(explained.stdout).toContain('it is not loaded now')
    expect(explained.stdout).toContain('Requests of the evidence, over time (100 of 213 requests kept')
  })
})

describe('incident explain', () => {
  test('signals, the one that opened it, threshold, plot, what was done, what would be different', async () => {
    const { stdout, status } = await run(['explain', walk.incident.id])
    expect(status).toBe(0)
    for (const said of [
      /^ {2}23:14:35.045 +object.enumeration +-6.55 +100 % +22 +2-3 different orders in 10 min +<- opened it$/m,
      /^ {4}neighbouring ids +216$/m,
      /^Object ids asked for, over time \(100 of 213 requests kept: how it began, and the newest\)$/m,
      /[\u2801-\u28ff]{3}/,
      /object id: 100 points from 49646 to 49858, rising; 23:14:33 to 23:14:45/,
      /By its budget an incident opens at log10 p -5.30 or less, one in 200,000 by chance./,
      /The signal of 23:14:35.045 had log10 p -6.55, 18 times below the threshold: that opened it./,
      /100 % of the evidence was seen whole./,
      /throttle \(webhook\) on user u_1280: applied, simulated/,
      /With a budget 100 times smaller it would have opened at most 0.4 s later./,
      /only the dispatch was withheld, because the mode is simulate/,
    ]) {
      expect(stdout).toMatch(said)
    }
    // Exactly one signal opened it, and the first, the last and no more than a dozen others are shown.
    expect(stdout.match(/<- opened it/g)).toHaveLength(1)
    expect(stdout.match(/^ {2}\d\d:\d\d:\d\d\.\d{3} +object/gm)!.length).toBeLessThanOrEqual(12)
    expect(stdout).not.toMatch(/undefined|NaN|\[object/)
  })

  test('guessing is a sum of failures, probing a count of misses', async () => {
    const guesses = (await run(['explain', guessing.incident.id])).stdout
    expect(guesses).toMatch(/^Failures summed up, over time$/m)
    expect(guesses).toMatch(/; dotted line at 2; /)
    expect(guesses).toContain('identity.trusted_hops')
    expect((await run(['explain', probing.incident.id])).stdout).toMatch(/^Requests refused or not found, over time$/m)
  })

  test('a refusal and a wait for a person are told with their reasons', async () => {
    const { id } = walk.incident
    const refused = fakeAction(id, {
      simulated: false,
      state: 'refused',
      history: [{ state: 'refused', at: '2026-11-21T23:14:35.100Z', why: 'never: user:u_1280' }],
    })
    const waiting = fakeAction(id, { id: 'a2', step: 'revoke', simulated: false, state: 'awaiting_approval' })
    const asked = new MemoryOperations([{ ...walk, actions: [refused, waiting] }])
    const { stdout } = await command(() => asked.connection(), ['incident', 'explain', id])
    expect(stdout).toContain('throttle on u_1280 was refused: never: user:u_1280')
    expect(stdout).toContain('revoke on u_1280 waits for a person: offpath action approve a2 --reason …')
    expect(stdout).not.toContain('only the dispatch was withheld')
  })

  test('a rehearsal that a guard would have stopped is not told as one that would have been sent', async () => {
    const { id } = walk.incident
    const why = 'rehearsal, nothing is sent; would be refused: on evidence in doubt (forwarded.default)'
    const stopped = fakeAction(id, { history: [{ state: 'dispatched', at: '2026-11-21T23:14:35.100Z', why }] })
    const asked = new MemoryOperations([{ ...walk, actions: [stopped] }])
    const { stdout } = await command(() => asked.connection(), ['incident', 'explain', id])
    expect(stdout.replace(/\s+/g, ' ')).toContain(`would not have been sent in mode enforce either: ${why}`)
    expect(stdout).not.toContain('would have been sent.')
  })
})

describe('incident export', () => {
  test('what it writes can be replayed and finds the incident, and only its owner can read it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'offpath-export-'))
    try {
      const { id } = guessing.incident
      const { stdout, status } = await run(['export', id, '--output', join(folder, 'new'), '--as-test'])
      expect(status).toBe(0)
      expect((await readdir(join(folder, 'new'))).sort()).toEqual([`${id}.expect.json`, `${id}.jsonl`])
      const file = join(folder, 'new', `${id}.jsonl`)
      const expectFile = join(folder, 'new', `${id}.expect.json`)
      for (const path of [file, expectFile]) expect((await stat(path)).mode & 0o777).toBe(0o600)
      expect(stdout).toContain(`  - {replay: ${id}.jsonl, expect: {incidents: 1, severity: low}}`)
      expect(stdout).toContain('A detector that learns for days may find nothing in this cut-out alone')
      const expected = JSON.parse(await readFile(expectFile, 'utf8'))
      expect(expected).toEqual({
        replay: `${id}.jsonl`,
        policy: 'auth-bruteforce',
        incidents: 1,
        severity: 'low',
        detectors: ['auth.bruteforce'],
      })
      const found: { policy: string; severity: string }[] = []
      await replay({
        files: [file],
        emit: 'incidents',
        bodies: 'text',
        config: effectiveConfig(CONFIG_SCHEMA, null, {}).config,
        key: TEST_KEY,
        speed: 'max',
        write: (line) => void found.push(JSON.parse(line)),
        warn: (message) => expect(message).toBe(''),
        stop: new AbortController().signal,
      })
      expect(found.map(({ policy, severity }) => ({ policy, severity }))).toEqual([
        { policy: expected.policy, severity: expected.severity },
      ])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('- prints the transactions alone, in the order of replay', async () => {
    const { stdout, stderr } = await run(['export', walk.incident.id, '--output', '-'])
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.length).toBe(100)
    const keys = lines.map((line) => `${line.end_ts} ${line.id}`)
    expect(keys).toEqual([...keys].sort())
    expect(lines[0]).toEqual(walk.transactions.find((tx) => tx.id === lines[0].id))
    expect(stderr).toContain('100 of its 213 requests are stored')
  })

  test('a link in its place is replaced, not followed; a place that cannot be written is said', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'offpath-export-'))
    try {
      const { id } = walk.incident
      await writeFile(join(folder, 'precious'), 'keep')
      await symlink(join(folder, 'precious'), join(folder, `${id}.jsonl`))
      expect((await run(['export', id, '--output', folder])).status).toBe(0)
      expect(await readFile(join(folder, 'precious'), 'utf8')).toBe('keep')
      const { status, stderr } = await run(['export', id, '--output', join(folder, 'precious', 'x')])
      expect(status).toBe(2)
      expect(stderr).toMatch(/the export cannot be written: (ENOTDIR|EEXIST)/)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('nothing stored, nothing written; rows without bodies are counted', async () => {
    const { id } = walk.incident
    const bare = new MemoryOperations([{ ...walk, transactions: [] }])
    const { status, stderr } = await command(() => bare.connection(), ['incident', 'export', id, '--output', '-'])
    expect([status, stderr.split('\n')[0]]).toEqual([1, 'offpath: none of its requests are stored'])
    const [first, ...others] = walk.transactions
    const { request_headers: _, ...row } = first as { request_headers: unknown }
    const partly = new MemoryOperations([{ ...walk, transactions: [row, ...others] }])
    const said = await command(() => partly.connection(), ['incident', 'export', id, '--output', '-'])
    expect(said.stderr).toContain('1 of them are stored without headers and bodies')
  })
})
