import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { sampleIncident, sampleStatus } from '../../test/api/samples.ts'
import { HOSTILE_TEXT, hasUnshowable } from '../../test/hostile-text.ts'
import { type Connection, connectOperations } from '../api/connect.ts'
import { incidentJson } from '../api/json-forms.ts'
import type { Operations, StatusJson } from '../api/operations.ts'
import { wireStatus } from '../api/store-status.ts'
import type { Connect } from './connection.ts'
import type { CliContext } from './context.ts'
import { addStatus } from './status.ts'
import { bytes, duration, renderStatus, troublesOf } from './status-view.ts'
import { renderTop, type TopFrame } from './top-view.ts'

const now = Date.parse('2026-11-21T22:00:01Z')

function frame(fields: Partial<TopFrame> = {}): TopFrame {
  return {
    status: sampleStatus(),
    incidents: [
      incidentJson(
        sampleIncident({ why: '40 passwords tried in 12 s, usual 0 to 2', updatedAt: 1_795_000_000_000_000 }),
      ),
      incidentJson(sampleIncident({ id: 'inc2', severity: 'low', status: 'resolved', title: 'Probing' })),
    ],
    rates: [0, 10, 200, 412.5],
    paused: false,
    help: false,
    stale: null,
    ...fields,
  }
}

/** Every text of it, from the traffic or not, is that one. */
function hostileStatus(text: string): StatusJson {
  return sampleStatus({
    version: text,
    sources: [{ kind: text, name: text, state: 'down' }],
    weirds: { [text]: 1 },
    policies: { count: 1, loaded_at: '2026-11-21T20:00:00.000Z', error: text },
    webhooks: [{ ...sampleStatus().webhooks[0]!, endpoint: text, url: text, last_error: text }],
    detectors: [{ id: text, enabled: true, maturity: 0.1 }],
    store: { ...sampleStatus().store!, where: text, down: text, rowsStored: { [text]: 1 } },
    processes: [{ name: text, pid: null, rss_bytes: null }],
  })
}

test('the status, whole', () => {
  expect(renderStatus(sampleStatus(), { width: 110, colour: false }, now)).toMatchInlineSnapshot(`
    "offpath    0.1.0, process 4242, up 2 h
    traffic    413 pairs/s, read up to 2026-11-21 20:12:03Z
    incidents  2 open (1 high, 1 low)
    actions    1 live, 1 awaiting approval, 0 simulated
    policies   7, loaded 2026-11-21 20:00:00Z
    ! source exec:tcpdump is down
    ! process store does not run
    ! webhook soc is failing: status 503
    ! webhook soc has 1 event given up: offpath webhook redeliver
    ! pcap:eth1 vlan 13 carries one direction only: 900 of 902 connections show no responses
    ! baselines stand still since 2026-11-21 20:11:00Z: blind to exec:tcpdump
    ! policy bruteforce does not enforce any more: 2 of its incidents were false: offpath policy reinstate
      bruteforce
    ! 1 action waits for approval: offpath action list

    Sources
    KIND  NAME     STATE
    pcap  eth1     capturing
    exec  tcpdump  down

    Losses
                       in    delivered          dropped
    frames      1,204,331    1,180,202   97.9%  no_flow 24,000 · kernel 129
    bytes     982,771,220  982,700,000   99.9%  retransmitted 71,220
    messages      160,012      160,004   99.9%  gap 8
    pairs          80,003       80,001   99.9%  request_only_timeout 2

    Not seen
    SOURCE     LOST 10 S   60 S  IN ALL  UNSEEN BYTES  HOLES  CUT BYTES  DROPPED  SHED
    pcap:eth1      0.2 %  0.4 %  <0.1 %        98,000     41          0      129     0

    Oddities
    of the traffic  http.bad_chunk 3
    inside Offpath  evidence.expired 2

    Store
    where   embedded ./offpath-data/clickhouse
    state   up, schema 6
    stored  transactions 80,001, signals 12, incidents 5
    spool   12,000 rows in 4 batches, 3.1 MiB of 1.0 GiB, oldest 2 s
    lasts   2 h 1 min at the present rate, if the store is down

    Webhooks
    NAME  STATE    DELIVERED  WAITING  DEAD  URL                                 LAST ERROR
    soc   failing         27        3     1  https://hooks.example.test/offpath  status 503

    Detectors
    mature    1 of 2, 1 switched off
    learning  object.enumeration 42%

    Processes
    NAME             PID    MEMORY
    control         4242  93.5 MiB
    engine          4250   296 MiB
    store    not running         -
    "
  `)
})

test('the status of a daemon that has seen nothing', () => {
  const empty = { in: 0, delivered: 0, dropped: {} }
  const status = sampleStatus({
    sources: [],
    event_time: null,
    pairs_per_second: 0,
    funnel: { frames: empty, bytes: empty, messages: empty, pairs: empty },
    weirds: {},
    counters: {},
    incidents: { open: 0, by_severity: {} },
    actions: { live: 0, awaiting_approval: 0, simulated: 0 },
    store: null,
    webhooks: [],
  })
  const text = renderStatus(status, { width: 60, colour: false }, now)
  expect(text).toContain('nothing yet')
  expect(text).not.toMatch(/undefined|NaN|null/)
})

test('troubles are those there are', () => {
  const well = sampleStatus({
    sources: [{ kind: 'pcap', name: 'eth1', state: 'capturing' }],
    actions: { live: 0, awaiting_approval: 0, simulated: 0 },
    webhooks: [],
    processes: [{ name: 'control', pid: 1, rss_bytes: 1 }],
    quality: { loss: { last_10s: 0, last_60s: 0, total: 0 }, sources: [] },
    learning: { frozen: false, since: null, blind_to: [] },
    policies: { count: 1, loaded_at: '2026-11-21T20:00:00.000Z', error: null },
  })
  expect(troublesOf(well)).toEqual([])
  const down = { ...well.store!, down: 'connection refused', spool: { ...well.store!.spool, droppedRows: 5 } }
  expect(troublesOf({ ...well, store: down })).toEqual([
    'the store is down: connection refused; the spool lasts 2 h 1 min',
    '5 rows were given up',
  ])
})

test('a topic says how far it is behind, and why it is down', () => {
  const lags = [
    { topic: 'edge', partition: 0, lag: 1200 },
    { topic: 'edge', partition: 1, lag: 34 },
  ]
  const topic = { kind: 'kafka', name: 'edge', state: 'down', why: 'no broker answers', lags } as const
  const status = sampleStatus({ sources: [{ kind: 'pcap', name: 'eth1', state: 'capturing' }, topic] })
  expect(troublesOf(status)).toContain('source kafka:edge is down: no broker answers')
  expect(renderStatus(status, { width: 110, colour: false }, now)).toMatch(/^kafka +edge +down +1,234$/m)
})

test('top, at 100 by 20', () => {
  expect(renderTop(frame(), { columns: 100, rows: 20, colour: false }, now).join('\n')).toMatchInlineSnapshot(`
    "offpath 0.1.0  413 pairs/s  ▁▄█  up 2 h  read up to 2026-11-21 20:12:03Z
    2 open incidents  1 live action  1 of 2 detectors mature  spool 3.1 MiB, lasts 2 h 1 min
    ! source exec:tcpdump is down
    ! process store does not run
    ! webhook soc is failing: status 503
    ! and 5 more: offpath status

    frames         1,204,331   97.9%  no_flow 24,000 · kernel 129
    bytes        982,771,220   99.9%  retransmitted 71,220
    messages         160,012   99.9%  gap 8
    pairs             80,003   99.9%  request_only_timeout 2

    UPDATED   SEVERITY  STATUS     SUBJECT               WHAT
    11:06:40  HIGH      open       203.0.113.9           Password guessing: 40 passwords tried in 12 s,…
    00:00:02  LOW       resolved   203.0.113.9           Probing: because




    q quit  p pause  ? help"
  `)
})

test('top fits every terminal, with colours and without', () => {
  const many = Array.from({ length: 200 }, () => incidentJson(sampleIncident()))
  for (const [columns, rows] of [
    [100, 30],
    [80, 24],
    [40, 10],
    [12, 5],
    [1, 1],
    [200, 3],
  ] as const) {
    for (const help of [true, false]) {
      const lines = renderTop(frame({ incidents: many, help }), { columns, rows, colour: false }, now)
      expect(lines.length).toBe(rows)
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
      const coloured = renderTop(frame({ incidents: many, help }), { columns, rows, colour: true }, now)
      expect(coloured.map((line) => line.replace(/\x1b\[\d+m/g, ''))).toEqual(lines)
    }
  }
})

test('top says when it is paused, and when nobody answers', () => {
  const last = (fields: Partial<TopFrame>) =>
    renderTop(frame(fields), { columns: 80, rows: 5, colour: false }, now).at(-1)
  expect(last({ paused: true })).toContain('paused')
  expect(last({ stale: 'no daemon answers' })).toContain('no daemon answers')
})

test.each(HOSTILE_TEXT.map(({ name, text }) => [name, text] as const))(
  'no text acts on the terminal: %s',
  (_, text) => {
    const status = hostileStatus(text)
    const incident = incidentJson(
      sampleIncident({ title: text, why: text, subject: { kind: text, value: text, members: [] } }),
    )
    const lines = [
      ...renderStatus(status, { width: 80, colour: false }, now).split('\n'),
      ...renderTop(
        frame({ status, incidents: [incident], stale: text }),
        { columns: 200, rows: 40, colour: false },
        now,
      ),
    ]
    expect(lines.filter((line) => hasUnshowable(line))).toEqual([])
  },
)

/** What `offpath status …` prints, given a daemon. */
async function ranStatus(offpath: Partial<Operations>, ...args: string[]): Promise<string> {
  let printed = ''
  const stdout = new Writable({
    write: (text: Buffer, _, done) => {
      printed += text.toString()
      done()
    },
  })
  const context = { stdout, width: 100, colour: false } as unknown as CliContext
  const connect: Connect = (_, offline) => {
    expect(offline).toBe('refused')
    return Promise.resolve({ ...offpath, online: true, close: () => Promise.resolve() } as Connection)
  }
  const program = new Command('offpath')
  addStatus(program, context, connect)
  await program.parseAsync(['status', ...args], { from: 'user' })
  return printed
}

test('the command prints the table, or the JSON of the API', async () => {
  const status = () => Promise.resolve(sampleStatus())
  expect(await ranStatus({ status })).toContain('lasts   2 h 1 min')
  const json = JSON.parse(await ranStatus({ status }, '-o', 'json'))
  expect(json).toEqual(JSON.parse(JSON.stringify(wireStatus(sampleStatus()))))
  expect(json.store.spool.lasts_seconds).toBe(7260)
})

test('without a daemon it ends with 69', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-status-'))
  const connect: Connect = (_, offline) => connectOperations({ stateFolder: folder, offline })
  const program = new Command('offpath')
  addStatus(program, { width: 100 } as CliContext, connect)
  await expect(program.parseAsync(['status'], { from: 'user' })).rejects.toMatchObject({ exitCode: 69 })
  rmSync(folder, { recursive: true })
})

test('sizes and durations', () => {
  expect([0, 1023, 1024, 3_200_000, 2 ** 40].map(bytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '3.1 MiB', '1.0 TiB'])
  expect([-1, 0, 59.9, 60, 61, 3600, 7260, 86_400, 90_000].map(duration)).toEqual([
    '0 s',
    '0 s',
    '59 s',
    '1 min',
    '1 min 1 s',
    '1 h',
    '2 h 1 min',
    '1 d',
    '1 d 1 h',
  ])
})
