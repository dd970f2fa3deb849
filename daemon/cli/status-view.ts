import pc from 'picocolors'
import { escapeTerminal } from '../../sinks/escape.ts'
import { renderLossTable } from '../../sinks/loss-table.ts'
import { oneSidedLinks, renderCaptureQuality } from '../../sinks/quality-table.ts'
import { type Fact, type Look, renderFacts, renderTable, wrapText } from '../../sinks/text-table.ts'
import type { StatusJson } from '../api/operations.ts'

const MOST_WEIRDS = 8

/** The whole status for people. What is not as it should be stands first. */
export function renderStatus(status: StatusJson, look: Look, nowMs: number): string {
  const colours = pc.createColors(look.colour)
  const section = (title: string, body: string) => (body === '' ? '' : `\n${colours.bold(title)}\n${body}`)
  const troubles = troublesOf(status)
    .flatMap((trouble) =>
      wrapText(escapeTerminal(trouble), look.width - 2).map((line, at) => `${at === 0 ? '! ' : '  '}${line}`),
    )
    .map((line) => `${colours.yellow(line)}\n`)
    .join('')
  return [
    renderFacts(headFacts(status, nowMs), look),
    troubles,
    section('Sources', sources(status, look)),
    section('Losses', renderLossTable(status.funnel, look)),
    section('Not seen', renderCaptureQuality(status.quality, look)),
    section('Oddities', oddities(status, look)),
    section('Store', renderFacts(storeFacts(status), look)),
    section('Webhooks', webhooks(status, look)),
    section('Detectors', detectors(status, look)),
    section('Processes', processes(status, look)),
  ].join('')
}

/** What an operator should look at, in sentences; empty when there is nothing. */
export function troublesOf(status: StatusJson): string[] {
  const troubles: string[] = []
  for (const { kind, name, state, why } of status.sources) {
    if (state === 'down') troubles.push(`source ${kind}:${name} is down${why === undefined ? '' : `: ${why}`}`)
  }
  for (const { kind, name, starved } of status.sources) {
    for (const { detector, state, why } of starved ?? []) {
      if (state === 'starved') troubles.push(`${detector} is off for ${kind}:${name}: ${why}`)
    }
  }
  const { store, policies, processes, webhooks, actions, publisher } = status
  if (publisher?.state === 'down') troubles.push(`nothing can be published to ${publisher.topic}: ${publisher.why}`)
  if (store !== null && store.down !== null) {
    const { lastsSeconds } = store.spool
    const lasts = lastsSeconds === null ? '' : `; the spool lasts ${duration(lastsSeconds)}`
    troubles.push(`the store is down: ${store.down}${lasts}`)
  }
  if (store !== null && store.spool.droppedRows > 0)
    troubles.push(`${grouped(store.spool.droppedRows)} rows were given up`)
  if (policies.error !== null) troubles.push(`policies are those of before: ${policies.error}`)
  for (const { name, pid } of processes) if (pid === null) troubles.push(`process ${name} does not run`)
  for (const { endpoint, state, dead, last_error } of webhooks) {
    if (state !== 'ok')
      troubles.push(`webhook ${endpoint} is ${WEBHOOK_WORDS[state]}${last_error === null ? '' : `: ${last_error}`}`)
    if (dead > 0)
      troubles.push(
        `webhook ${endpoint} has ${grouped(dead)} ${dead === 1 ? 'event' : 'events'} given up: offpath webhook redeliver`,
      )
  }
  troubles.push(...oneSidedLinks(status.quality))
  const { learning } = status
  if (learning.frozen && learning.since !== null) {
    troubles.push(`baselines stand still since ${shortTime(learning.since)}: blind to ${learning.blind_to.join(', ')}`)
  }
  for (const { policy, why } of policies.demoted ?? []) {
    troubles.push(`policy ${policy} does not enforce any more: ${why}: offpath policy reinstate ${policy}`)
  }
  if (actions.awaiting_approval > 0) {
    troubles.push(
      `${grouped(actions.awaiting_approval)} ${actions.awaiting_approval === 1 ? 'action waits' : 'actions wait'} for approval: offpath action list`,
    )
  }
  return troubles
}

const WEBHOOK_WORDS = { ok: 'ok', failing: 'failing', open: 'left alone for now', disabled: 'switched off' } as const

function headFacts(
  { version, pid, started_at, event_time, pairs_per_second, incidents, actions, policies }: StatusJson,
  nowMs: number,
): Fact[] {
  const severities = ['critical', 'high', 'medium', 'low'].flatMap((name) => {
    const count = incidents.by_severity[name] ?? 0
    return count === 0 ? [] : [`${count} ${name}`]
  })
  return [
    { name: 'offpath', text: `${version}, process ${pid}, up ${duration((nowMs - Date.parse(started_at)) / 1000)}` },
    {
      name: 'traffic',
      text: `${rate(pairs_per_second)} pairs/s, read up to ${event_time === null ? 'nothing yet' : shortTime(event_time)}`,
    },
    {
      name: 'incidents',
      text: `${incidents.open} open${severities.length === 0 ? '' : ` (${severities.join(', ')})`}`,
    },
    {
      name: 'actions',
      text: `${actions.live} live, ${actions.awaiting_approval} awaiting approval, ${actions.simulated} simulated`,
    },
    { name: 'policies', text: `${policies.count}, loaded ${shortTime(policies.loaded_at)}` },
  ]
}

function sources({ sources }: StatusJson, look: Look): string {
  if (sources.length === 0) return 'none\n'
  // Only topics can be behind.
  const behind = sources.some(({ lags }) => lags !== undefined)
  const columns = [
    { title: 'KIND' },
    { title: 'NAME', least: 12 },
    { title: 'STATE', paint: statePaint },
    ...(behind ? [{ title: 'NOT READ YET', align: 'right' as const }] : []),
  ]
  return renderTable(
    columns,
    sources.map(({ kind, name, state, lags }) => [kind, name, state, lags === undefined ? '' : grouped(lagOf(lags))]),
    look,
  )
}

/** Records of all partitions. */
function lagOf(lags: readonly { readonly lag: number }[]): number {
  return lags.reduce((sum, { lag }) => sum + lag, 0)
}

function statePaint(state: string, colours: ReturnType<typeof pc.createColors>): (text: string) => string {
  if (state === 'down' || state === 'disabled') return colours.red
  if (state === 'failing' || state === 'open' || state === 'starting') return colours.yellow
  return state === 'ended' ? colours.dim : colours.green
}

function oddities({ weirds, counters }: StatusJson, look: Look): string {
  const text = (counts: Readonly<Record<string, number>>) => {
    const most = Object.entries(counts)
      .filter(([, count]) => count > 0)
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    const more = most.length > MOST_WEIRDS ? ` · and ${most.length - MOST_WEIRDS} more` : ''
    return (
      most
        .slice(0, MOST_WEIRDS)
        .map(([name, count]) => `${name} ${grouped(count)}`)
        .join(' · ') + more
    )
  }
  return renderFacts(
    [
      { name: 'of the traffic', text: text(weirds) },
      { name: 'inside Offpath', text: text(counters) },
    ],
    look,
  )
}

function storeFacts({ store }: StatusJson): Fact[] {
  if (store === null) return [{ name: 'where', text: 'none' }]
  const { spool } = store
  const rows = Object.entries(store.rowsStored).map(([table, count]) => `${table} ${grouped(count)}`)
  const waits = `${grouped(spool.rows)} rows in ${grouped(spool.batches)} batches, ${bytes(spool.bytes)} of ${bytes(spool.maxBytes)}`
  const oldest = spool.batches === 0 ? '' : `, oldest ${duration(spool.oldestSeconds)}`
  const given = spool.droppedRows === 0 ? '' : `, ${grouped(spool.droppedRows)} rows given up`
  return [
    { name: 'where', text: store.where },
    { name: 'state', text: store.down === null ? `up, schema ${store.schemaVersion ?? '-'}` : `down: ${store.down}` },
    { name: 'stored', text: rows.length === 0 ? 'nothing yet' : rows.join(', ') },
    { name: 'spool', text: waits + oldest + given },
    {
      name: 'lasts',
      text:
        spool.lastsSeconds === null
          ? 'nothing comes in'
          : `${duration(spool.lastsSeconds)} at the present rate, if the store is down`,
    },
  ]
}

function webhooks({ webhooks }: StatusJson, look: Look): string {
  if (webhooks.length === 0) return 'none\n'
  const columns = [
    { title: 'NAME' },
    { title: 'STATE', paint: statePaint },
    { title: 'DELIVERED', align: 'right' as const },
    { title: 'WAITING', align: 'right' as const },
    { title: 'DEAD', align: 'right' as const },
    { title: 'URL', least: 16 },
    { title: 'LAST ERROR', least: 10 },
  ]
  const rows = webhooks.map(({ endpoint, state, delivered, pending, dead, url, last_error }) => [
    endpoint,
    state,
    grouped(delivered),
    grouped(pending),
    grouped(dead),
    url,
    last_error ?? '-',
  ])
  return renderTable(columns, rows, look)
}

/** Those that speak already in one line; those that still learn one by one. */
function detectors({ detectors }: StatusJson, look: Look): string {
  const enabled = detectors.filter((detector) => detector.enabled)
  const learning = enabled.filter(({ maturity }) => maturity < 1).sort((a, b) => a.maturity - b.maturity)
  const off = detectors.length - enabled.length
  return renderFacts(
    [
      {
        name: 'mature',
        text: `${enabled.length - learning.length} of ${enabled.length}${off === 0 ? '' : `, ${off} switched off`}`,
      },
      {
        name: 'learning',
        text: learning.map(({ id, maturity }) => `${id} ${Math.floor(maturity * 100)}%`).join(' · '),
      },
    ],
    look,
  )
}

function processes({ processes }: StatusJson, look: Look): string {
  const columns = [
    { title: 'NAME', least: 10 },
    { title: 'PID', align: 'right' as const },
    { title: 'MEMORY', align: 'right' as const },
  ]
  const rows = processes.map(({ name, pid, rss_bytes }) => [
    name,
    pid === null ? 'not running' : String(pid),
    rss_bytes === null ? '-' : bytes(rss_bytes),
  ])
  return renderTable(columns, rows, look)
}

/** 1234567 as 1,234,567, whatever the locale of the host. */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

export function rate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : grouped(perSecond)
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function bytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** The two greatest units: `2 h 1 min`, `45 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor((whole % 86_400) / 3600),
    Math.floor((whole % 3600) / 60),
  ]
  if (days > 0) return `${grouped(days)} d${hours > 0 ? ` ${hours} h` : ''}`
  if (hours > 0) return `${hours} h${minutes > 0 ? ` ${minutes} min` : ''}`
  if (minutes > 0) return `${minutes} min${whole % 60 > 0 ? ` ${whole % 60} s` : ''}`
  return `${whole} s`
}

/** `2026-11-21 20:12:03Z`. */
export function shortTime(time: string): string {
  return `${time.slice(0, 19).replace('T', ' ')}Z`
}
