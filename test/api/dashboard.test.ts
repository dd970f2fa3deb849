import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { METRICS } from '../../daemon/api/metrics.ts'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'

/** dashboards/offpath-grafana.json against the tables and metrics of this build. */

interface Target {
  readonly datasource: { readonly uid: string }
  readonly rawSql?: string
  readonly expr?: string
  readonly legendFormat?: string
}
interface Panel {
  readonly id: number
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly Target[]
}
interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: string }[]
  }
}

const file = join(import.meta.dirname, '../../dashboards/offpath-grafana.json')
const { panels, templating } = JSON.parse(readFileSync(file, 'utf8')) as Dashboard
const targets = panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })))

/** What the data source of Grafana makes of its macros, over the last six hours. */
function expanded(sql: string): string {
  return sql
    .replace(/\$__timeInterval\((\w+)\)/g, 'toStartOfInterval(toDateTime($1), INTERVAL 60 second)')
    .replace(/\$__timeFilter\((\w+)\)/g, '$1 >= toDateTime(1795000000) AND $1 <= toDateTime(1795020000)')
    .replace(/\$\{database\}/g, 'offpath')
    .replace(/\$\{service:singlequote\}/g, "'api.shop.test','b\\'s'")
}

let folder = ''
let store: ClickHouseStore
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-dashboard-'))
  const keepDays = { transactions: 3650, evidence: 14, signals: 30, incidents: 730 }
  store = new ClickHouseStore({ kind: 'embedded', folder, database: 'offpath', keepDays })
  await store.open()
  const row = {
    id: '01jd4k0000000000000000000a',
    ts: '2026-11-18 16:00:00.000000',
    end_ts: '2026-11-18 16:00:00.500000',
    duration_us: 500_000,
    client_ip: '::ffff:203.0.113.9',
    endpoint: 'GET /v1/orders/{id}',
    service: 'api.shop.test',
    status: 200,
    principal_kind: 'user',
    principal_id: 'u_1',
    principal_display: 'u_1',
  }
  const bytes = Buffer.from(`${JSON.stringify(row)}\n`)
  const batch = { day: '2026-11-18', columns: Object.keys(row), format: 'JSONEachRow', rows: 1, bytes } as const
  await store.insert({ ...batch, table: 'transactions', rereadIds: null, token: 'a' })
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const questions = [
  ...targets.flatMap(({ title, rawSql }) => (rawSql === undefined ? [] : [[title, rawSql] as const])),
  ...templating.list.flatMap(({ name, type, query }) =>
    type === 'query' ? [[`variable ${name}`, query] as const] : [],
  ),
]

test.each(questions)('the database answers: %s', async (title, sql) => {
  const plain = expanded(sql)
  expect(plain).not.toMatch(/\$/)
  const { columns, rows } = await store.query({ sql: plain })
  expect(columns.length).toBeGreaterThan(0)
  // What the one stored transaction must show in.
  if (/^(Requests by status|Duration|Busiest|Endpoints first seen|variable)/.test(title)) expect(rows.length).toBe(1)
})

test.each(
  targets.flatMap(({ title, expr, legendFormat }) =>
    expr === undefined ? [] : [[title, expr, legendFormat ?? ''] as const],
  ),
)('the metrics exist: %s, %s', (_, expr, legend) => {
  const names = expr.match(/\boffpath_\w+/g) ?? []
  expect(names.length).toBeGreaterThan(0)
  const labels = new Set(['le'])
  for (const name of names) {
    const metric = METRICS.find(({ name: base, type }) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].some((end) => `${base}${end}` === name) : base === name,
    )
    expect([name, metric === undefined]).toEqual([name, false])
    for (const label of metric?.labels ?? []) labels.add(label)
    const isRate = new RegExp(`rate\\(${name}\\[`).test(expr)
    expect([name, isRate]).toEqual([name, metric?.type !== 'gauge'])
  }
  const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(', '))
  const shown = [...legend.matchAll(/{{(\w+)}}/g)].map(([, label]) => label!)
  expect([...grouped, ...shown].filter((label) => !labels.has(label))).toEqual([])
})

test('panels have ids of their own, stand beside each other, and ask the data sources that were chosen', () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  for (const [at, { gridPos: a }] of panels.entries()) {
    expect(a.x + a.w).toBeLessThanOrEqual(24)
    for (const { gridPos: b } of panels.slice(at + 1)) {
      const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
      expect(apart).toBe(true)
    }
  }
  const sources = new Set(targets.map(({ datasource }) => datasource.uid))
  expect([...sources].map((uid) => uid.replace(/[${}]/g, '')).sort()).toEqual(['clickhouse', 'prometheus'])
  expect(templating.list.map(({ name }) => name).sort()).toEqual(['clickhouse', 'database', 'prometheus', 'service'])
})
