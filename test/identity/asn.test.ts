import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { AsnFile } from '../../daemon/topology/asn-file.ts'
import { jsonLines, offpath } from '../in-process.ts'

/** Whose networks callers come from, by a file of the operator: test/identity/asn/make.py has what stands in it. */

const folder = mkdtempSync(join(tmpdir(), 'offpath-asn-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const fixture = (name: string) => join(import.meta.dirname, 'asn', name)

let files = 0
function written(text: string, ending: string): string {
  const path = join(folder, `${files++}${ending}`)
  writeFileSync(path, text)
  return path
}

const configured = (path: string, more = '') => written(`identity:\n  asn_database: ${path}\n${more}`, '.yaml')

/** A key that is used from each of the addresses eight times. */
function uses(...addresses: string[]): string {
  const lines = addresses.flatMap((client_ip, at) =>
    Array.from({ length: 8 }, (_, second) =>
      JSON.stringify({
        ts: new Date(Date.UTC(2026, 10, 20, 9, at, second)).toISOString(),
        ...{ method: 'GET', host: 'api.shop.test', path: '/v1/me', status: 200, client_ip, redacted: false },
        request_headers: [
          ['Host', 'api.shop.test'],
          ['X-Api-Key', 'key-of-the-partner-1'],
        ],
      }),
    ),
  )
  return written(`${lines.join('\n')}\n`, '.jsonl')
}

const list = async (capture: string, config: string) => {
  const ran = await offpath('clients', 'list', '--capture', capture, '--config', config, '-o', 'json')
  expect(ran).toMatchObject({ status: 0, stderr: '' })
  return JSON.parse(ran.stdout) as readonly { id: string; asns: unknown; labels: readonly string[] }[]
}

test('a caller shows whose networks it came from, for people, for programs and for labels', async () => {
  const label = '  labels:\n    - name: mobile\n      when: client.asns.exists(n, n == 64497)\n'
  const config = configured(fixture('asn.mmdb'), label)
  const capture = uses('203.0.113.7', '198.51.100.5', '192.0.2.7', '198.51.100.200', '10.0.0.1')
  const [caller] = await list(capture, config)
  expect(caller).toMatchObject({
    asns: [
      { number: 64_497, organisation: 'Example Mobile' },
      { number: 64_496, organisation: 'Example Broadband' },
      { number: 64_498, organisation: 'Example Hosting \u202e<b>Ltd</b>' },
    ],
    labels: ['mobile'],
  })
  const shown = await offpath('clients', 'show', caller!.id, '--capture', capture, '--config', config)
  expect(shown.stdout).toMatch(
    /^Networks of +AS64497 Example Mobile, AS64496 Example Broadband, AS64498 Example Hosting/m,
  )
  // A vendor's text is no more trusted than one from traffic.
  expect(shown.stdout).not.toContain('\u202e')
  expect(shown.stdout).toContain('Example Hosting \\u{202E}')
})

test('without a database nothing is said of it, and of an address that is in none neither', async () => {
  expect(await list(uses('203.0.113.7'), written('{}', '.yaml'))).toMatchObject([{ asns: [] }])
  expect(await list(uses('10.0.0.1'), configured(fixture('asn.mmdb')))).toMatchObject([{ asns: [] }])
})

test('what is told of a caller says whose network it used', async () => {
  const record = {
    ...{ ts: '2026-11-20T09:00:00Z', method: 'GET', host: 'api.shop.test', path: '/v1/search', status: 200 },
    ...{ query: 'q=1%27%20UNION%20SELECT%20password,name%20FROM%20users--', client_ip: '192.0.2.7' },
  }
  const capture = written(`${JSON.stringify(record)}\n`, '.jsonl')
  const told = async (config: string) =>
    jsonLines<{ evidence: Record<string, unknown> }>(
      (await offpath('replay', capture, '--emit', 'signals', '--config', config)).stdout,
    ).map(({ evidence }) => evidence.network_of)
  const withIt = await told(configured(fixture('asn.mmdb')))
  expect(withIt.length).toBeGreaterThan(0)
  expect(new Set(withIt)).toEqual(new Set(['AS64496 Example Broadband']))
  expect(new Set(await told(written('{}', '.yaml')))).toEqual(new Set([undefined]))
})

test.each([
  ['of something else', fixture('city.mmdb'), 'names no autonomous systems (it is a GeoLite2-City)'],
  ['that is none', written('192.0.2.0/24,64496\n', '.csv'), 'it is no MMDB file'],
  ['that is not there', join(folder, 'none.mmdb'), 'no such file or directory'],
])('a file %s is refused, with its place and what to do', async (_, path, why) => {
  const ran = await offpath('replay', uses('192.0.2.7'), '--config', configured(path))
  expect(ran.status).toBe(78)
  expect(ran.stderr).toContain('identity.asn_database')
  expect(ran.stderr).toContain(why)
  expect(ran.stderr).toContain('GeoLite2-ASN.mmdb')
})

test('a file that is replaced is read anew, and one that is no good changes nothing', async () => {
  const path = join(folder, 'asn.mmdb')
  copyFileSync(fixture('ipinfo.mmdb'), path)
  const file = new AsnFile(path)
  const told: string[] = []
  const watcher = file.watch((message) => told.push(message), 20)
  try {
    writeFileSync(path, 'half a fi')
    await vi.waitFor(() => expect(told).toHaveLength(1))
    expect(told[0]).toContain('it is no MMDB file')
    expect(told[0]).toContain('stays in force')
    expect(file.of('192.0.2.7')?.number).toBe(64_496)
    copyFileSync(fixture('asn.mmdb'), path)
    await vi.waitFor(() => expect(told.at(-1)).toContain('was read anew: GeoLite2-ASN of 2026-'))
    expect(file.of('192.0.2.7')?.number).toBe(64_496)
  } finally {
    watcher.close()
  }
})
