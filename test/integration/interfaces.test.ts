import { execFile, execFileSync } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DaemonFolder, type DaemonProcess, until } from './daemon-process.ts'
import { ensureBuilt } from './program.ts'

/**
 * The daemon on two interfaces, one of which goes and comes back while the other is watched on. Needs root for a
 * network namespace; everything made is removed.
 */
const whyNot = process.getuid?.() !== 0 ? 'needs root to make a network namespace' : hasPcap() ? null : 'needs npm pcap'
if (whyNot !== null) console.warn(`skipped: interfaces: ${whyNot}`)

const OUTSIDE = `opi${process.pid}`
const LINKS = [
  { here: `opa${process.pid}`, there: `opb${process.pid}`, server: '198.51.100.5', client: '198.51.100.6' },
  { here: `opc${process.pid}`, there: `opd${process.pid}`, server: '198.51.100.9', client: '198.51.100.10' },
] as const
const [FIRST, SECOND] = LINKS

let api: Server
let port = 0
let folder: DaemonFolder
let daemon: DaemonProcess

function hasPcap(): boolean {
  try {
    createRequire(import.meta.url).resolve('pcap/build/Release/pcap_binding.node')
    return true
  } catch {
    return false
  }
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] })
}

function addLink({ here, there, server, client }: (typeof LINKS)[number]): void {
  ip(`link add ${here} type veth peer name ${there} netns ${OUTSIDE}`)
  ip(`addr add ${server}/30 dev ${here}`)
  ip(`link set ${here} up`)
  ip(`-n ${OUTSIDE} addr add ${client}/30 dev ${there}`)
  ip(`-n ${OUTSIDE} link set ${there} up`)
}

interface Status {
  readonly sources: readonly { name: string; state: string; why?: string }[]
  readonly learning: { readonly frozen: boolean; readonly blind_to: readonly string[] }
  readonly funnel: { readonly pairs: { readonly delivered: number } }
  readonly counters: Readonly<Record<string, number>>
}

const status = () => folder.json<Status>('status')

async function states(): Promise<Record<string, string>> {
  return Object.fromEntries((await status()).sources.map(({ name, state }) => [name, state]))
}

/** Three requests over this link; resolves when their pairs were found. */
async function watched({ server }: (typeof LINKS)[number]): Promise<void> {
  const before = (await status()).funnel.pairs.delivered
  const script = `const http = require('node:http')
let left = 3
const next = () => left-- > 0 && http.get('http://${server}:${port}/v1/orders/' + left, { agent: false, timeout: 3000 },
  (answer) => answer.resume().on('end', next)).on('error', () => setTimeout(next, 100))
next()`
  await promisify(execFile)('ip', ['netns', 'exec', OUTSIDE, process.execPath, '-e', script], { timeout: 10_000 })
  await until(
    async () => (await status()).funnel.pairs.delivered >= before + 3,
    5000,
    () => `pairs of ${server}: ${daemon.stderr}`,
  )
}

async function becomes(wanted: Record<string, string>): Promise<void> {
  let seen = {}
  await until(
    async () => {
      seen = await states()
      return JSON.stringify(seen) === JSON.stringify(wanted)
    },
    12_000,
    () => `${JSON.stringify(seen)} ${daemon.stderr}`,
  )
}

describe.skipIf(whyNot !== null)('two interfaces at once', () => {
  beforeAll(ensureBuilt)

  beforeEach(async () => {
    ip(`netns add ${OUTSIDE}`)
    for (const link of LINKS) addLink(link)
    api = createServer((request, response) => response.end(`answer to ${request.url}`))
    await new Promise<void>((resolve) => api.listen(0, '0.0.0.0', resolve))
    port = (api.address() as AddressInfo).port
    folder = new DaemonFolder()
    folder.configure({
      detectors: { 'capture.silent': { down_seconds: 2 } },
      sources: LINKS.map(({ here }) => ({ kind: 'pcap', interface: here, filter: `tcp port ${port}`, ring_mib: 2 })),
    })
    daemon = folder.start('--store', 'none')
    await daemon.ready()
  })

  afterEach(async () => {
    await daemon.stop()
    await folder.remove()
    await new Promise((resolve) => api.close(resolve))
    ip(`netns del ${OUTSIDE}`)
  })

  test('one that goes is down while the other is watched, and is watched again when it is back', async () => {
    await watched(FIRST)
    await watched(SECOND)
    ip(`link del ${SECOND.here}`)
    await becomes({ [FIRST.here]: 'capturing', [SECOND.here]: 'down' })
    await watched(FIRST)
    addLink(SECOND)
    await becomes({ [FIRST.here]: 'capturing', [SECOND.here]: 'capturing' })
    await watched(SECOND)

    // Taken down and up again, without being deleted.
    ip(`link set ${FIRST.here} down`)
    await becomes({ [FIRST.here]: 'down', [SECOND.here]: 'capturing' })
    await watched(SECOND)
    ip(`link set ${FIRST.here} up`)
    await becomes({ [FIRST.here]: 'capturing', [SECOND.here]: 'capturing' })
    await watched(FIRST)

    // The same in less time than anybody looks: it is not noticed, and nothing is missed for long.
    ip(`link set ${FIRST.here} down`)
    ip(`link set ${FIRST.here} up`)
    await watched(FIRST)
    expect((await status()).counters['capture.respawned']).toBeGreaterThanOrEqual(2)
  })

  test('interfaces that are missing at the start are waited for, told, and watched when they appear', async () => {
    await daemon.stop()
    for (const { here } of LINKS) ip(`link del ${here}`)
    daemon = folder.start('--store', 'none')
    await daemon.ready()
    await becomes({ [FIRST.here]: 'down', [SECOND.here]: 'down' })
    expect(daemon.stderr).toContain('nothing is watched')
    const silent = () =>
      daemon.incidents.filter(({ line }) => line.detector === 'capture.silent').map(({ line }) => line)
    await until(
      async () => silent().length >= 2,
      10_000,
      () => daemon.stderr,
    )
    const before = await status()
    expect(before.sources.find(({ name }) => name === FIRST.here)!.why).toContain(FIRST.here)
    // The engine tells its status every second.
    await until(
      async () => (await status()).learning.blind_to.length === 2 && (await status()).learning.frozen,
      5000,
      () => daemon.stderr,
    )

    addLink(FIRST)
    await becomes({ [FIRST.here]: 'capturing', [SECOND.here]: 'down' })
    await watched(FIRST)
    await until(
      async () => (await status()).learning.blind_to.join() === `pcap:${SECOND.here}`,
      5000,
      () => JSON.stringify(daemon.incidents),
    )
    // Recovery closes its incident, and not an hour of silence.
    const told = await folder.json<{ subject: { value: string }; status: string }[]>('incident', 'list')
    const statuses = Object.fromEntries(told.map(({ subject, status }) => [subject.value, status]))
    expect(statuses).toEqual({ [`source:pcap:${FIRST.here}`]: 'resolved', [`source:pcap:${SECOND.here}`]: 'open' })
  })
})
