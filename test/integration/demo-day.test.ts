import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { plantAttacks } from '../../demo/attacks.ts'
import { dayLines, SHIPPED_DAY_END_MS, writeDay } from '../../demo/day.ts'
import { SHIPPED_SEED } from '../../demo/demo.ts'
import { ROUTES, type RouteName } from '../../demo/routes.ts'
import { createWorld, withQuirk } from '../../demo/world.ts'

interface Row {
  readonly ts: string
  readonly end_ts: string
  readonly method: string
  readonly path: string
  readonly client_ip: string
  readonly status: number
  readonly request_headers: readonly (readonly [string, string])[]
  readonly request_body: string
  readonly response_body: string
}

const RENAMES = { v1: 'api', orders: 'bestellungen', login: 'anmeldung', products: 'artikel', health: 'gesund' }
const shippedFile = join(import.meta.dirname, '../../demo/day.jsonl.gz')

const parse = (lines: readonly string[]): Row[] => lines.map((line) => JSON.parse(line) as Row)
const make = (seed: string, renames = {}): Row[] =>
  parse(dayLines({ world: createWorld(seed, renames), endMs: SHIPPED_DAY_END_MS, port: 8080 }))

function header(row: Row, name: string): string | null {
  return row.request_headers.find(([key]) => key === name)?.[1] ?? null
}

function subjectOf(row: Row): string | null {
  const claims = header(row, 'authorization')?.split('.')[1]
  return claims === undefined ? null : (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { sub: string }).sub
}

/** Longest run of failed logins of one account with no success between. */
function longestRunOfFailures(rows: readonly Row[], login: string): number {
  const runs = new Map<string, number>()
  let longest = 0
  for (const row of rows) {
    if (row.path !== login) continue
    const { email } = JSON.parse(row.request_body) as { email: string }
    const run = row.status === 401 ? (runs.get(email) ?? 0) + 1 : 0
    runs.set(email, run)
    longest = Math.max(longest, run)
  }
  return longest
}

test('the shipped day is what the generator makes, and small', () => {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-day-'))
  try {
    const lines = dayLines({ world: createWorld(SHIPPED_SEED), endMs: SHIPPED_DAY_END_MS, port: 8080 })
    const shipped = gunzipSync(readFileSync(shippedFile)).toString().trimEnd().split('\n')
    expect(shipped.length).toBe(lines.length)
    expect(shipped.findIndex((line, i) => line !== lines[i])).toBe(-1)
    expect(statSync(shippedFile).size).toBeLessThan(1_000_000)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the file holds the lines', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-day-'))
  try {
    const world = createWorld('3')
    const file = join(folder, 'day.jsonl.gz')
    const count = await writeDay(file, { world, endMs: SHIPPED_DAY_END_MS, port: 80 })
    const lines = gunzipSync(readFileSync(file)).toString().trimEnd().split('\n')
    expect(lines.length).toBe(count)
    expect(lines).toEqual(dayLines({ world, endMs: SHIPPED_DAY_END_MS, port: 80 }))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

describe.each([
  [SHIPPED_SEED, {}],
  ['2', {}],
  ['77', RENAMES],
])('the day of seed %s with paths %j', (seed, renames) => {
  let rows: Row[] = []
  const world = createWorld(seed, renames)
  beforeAll(() => {
    rows = make(seed, renames)
  })

  test('has at least 300 callers behind at most 40 addresses, none of them an attacker', () => {
    const addresses = new Set(rows.map((row) => header(row, 'x-forwarded-for')))
    const subjects = new Set(rows.map(subjectOf).filter((subject) => subject !== null))
    expect(subjects.size).toBeGreaterThanOrEqual(300)
    expect(addresses.size).toBeLessThanOrEqual(40)
    for (const attack of plantAttacks(world)) {
      for (const { kind, value } of attack.attackers) if (kind === 'ip') expect(addresses).not.toContain(value)
    }
  })

  test('is one day in order of its ends, with enough of every route', () => {
    expect(rows.length).toBeGreaterThan(10_000)
    expect(rows.every((row, i) => i === 0 || rows[i - 1]!.end_ts <= row.end_ts)).toBe(true)
    expect(rows.every((row) => row.ts < row.end_ts)).toBe(true)
    expect(Date.parse(rows.at(-1)!.end_ts)).toBeLessThan(SHIPPED_DAY_END_MS)
    expect(Date.parse(rows[0]!.ts)).toBeGreaterThanOrEqual(SHIPPED_DAY_END_MS - 86_400_000)
    const seen = new Map<RouteName, number>()
    for (const row of rows) {
      const route = world.routes.match(row.method, row.path)
      if (route !== null) seen.set(route.name, (seen.get(route.name) ?? 0) + 1)
    }
    expect([...seen.keys()].sort()).toEqual(Object.keys(ROUTES).sort())
    for (const name of ['login', 'order', 'invoice', 'refresh'] as const) expect(seen.get(name)).toBeGreaterThan(200)
  })

  test('contains what is easily taken for an attack', () => {
    const statuses = new Set(rows.map((row) => row.status))
    for (const status of [200, 201, 401, 403, 404, 422, 503]) expect(statuses).toContain(status)
    const login = world.routes.path('login')
    expect(longestRunOfFailures(rows, login)).toBeGreaterThanOrEqual(5)

    const orders = new Map<string, Set<string>>()
    for (const row of rows) {
      const route = world.routes.match(row.method, row.path)
      if (route?.name !== 'order' || row.status !== 200) continue
      const subject = subjectOf(row)!
      orders.set(subject, (orders.get(subject) ?? new Set()).add(route.id!))
    }
    const supportReads = [...orders].filter(([subject]) => subject.startsWith('s_')).map(([, ids]) => ids.size)
    expect(Math.max(...supportReads)).toBeGreaterThan(50)
    expect(orders.get('svc_export')!.size).toBeGreaterThan(100)

    const missing = world.routes.renamed('/v1/recommendations')
    const brokenApps = new Set(rows.filter((row) => row.path === missing && row.status === 404).map(subjectOf))
    expect(brokenApps.size).toBeGreaterThanOrEqual(10)
    expect(brokenApps.size).toBeLessThanOrEqual(withQuirk(world, 'old-app').length)

    const officeTypos = rows.filter(
      (row) => header(row, 'x-forwarded-for') === world.officeAddress && row.path === login && row.status === 401,
    )
    const officeUsers = new Set(
      rows.filter((row) => header(row, 'x-forwarded-for') === world.officeAddress).map(subjectOf),
    )
    expect(officeUsers.size).toBeGreaterThanOrEqual(30)
    expect(officeTypos.length).toBeGreaterThanOrEqual(5)
  })

  test('does not name an attack before it happens', () => {
    const victims = plantAttacks(world).flatMap((attack) => attack.account ?? [])
    const failures = new Map<string, number>()
    for (const row of rows) {
      if (row.status !== 401 || row.request_body === '' || !row.request_body.includes('email')) continue
      const { email } = JSON.parse(row.request_body) as { email: string }
      failures.set(email, (failures.get(email) ?? 0) + 1)
    }
    for (const victim of victims) expect(failures.get(victim) ?? 0).toBeLessThan(6)
  })
})

test('another seed makes another day, the same seed the same', () => {
  const options = { endMs: SHIPPED_DAY_END_MS, port: 8080 }
  const lines = (seed: string) => dayLines({ world: createWorld(seed), ...options })
  expect(lines('5')).toEqual(lines('5'))
  expect(lines('5')).not.toEqual(lines('6'))
})

test('renamed paths leave no trace of the usual ones', () => {
  const paths = new Set(make('1', RENAMES).map((row) => row.path))
  expect([...paths].filter((path) => /\/(?:v1|orders|login|products|health)(?:\/|$)/.test(path))).toEqual([])
})

test('every secret in the day is made up: addresses, hosts and mail are of the documentation ranges', () => {
  const text = gunzipSync(readFileSync(shippedFile)).toString()
  const documentation = /^(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d+$|^2001:db8:|^127\.0\.0\.1$/
  for (const [, address] of text.matchAll(/\["x-forwarded-for","([^"]+)"\]/g)) expect(address).toMatch(documentation)
  for (const [, mail] of text.matchAll(/@([\w.-]+)\\"/g)) expect(mail).toBe('mail.example')
  expect(new Set([...text.matchAll(/"host":"([^"]+)"/g)].map((match) => match[1]))).toEqual(new Set(['api.shop.test']))
  // Nothing that looks like a key of somebody real.
  expect(text).not.toMatch(/AKIA[0-9A-Z]{16}|gh[pousr]_\w{30}|sk_live_|-----BEGIN|xox[abp]-/)
})
