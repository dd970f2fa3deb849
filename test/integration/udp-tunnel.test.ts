import { createSocket } from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { liveEvents } from '../../daemon/sources/live.ts'
import type { CaptureSettings } from '../../daemon/topology/capture-command.ts'
import { type CaptureStats, CaptureSupervisor } from '../../daemon/topology/capture-supervisor.ts'
import { effectiveCapabilities } from '../../daemon/topology/privileges.ts'
import { type CapturedFrame, RAW_IP, readCapture, writePcap } from '../mutate/capture-file.ts'
import { encapsulate } from '../mutate/encapsulate.ts'
import { CAPTURES } from './capture-notes.ts'
import { DaemonFolder, until } from './daemon-process.ts'
import { ensureBuilt, lines, ROOT } from './program.ts'

/** The tunnel child as control starts it, with real datagrams over the loopback. */
const folder = mkdtempSync(join(tmpdir(), 'offpath-tunnel-'))
const childScript = join(folder, 'tunnel-child.mjs')
const VNI = 909
const NAMES = ['keep-alive', 'large-response', 'chunked', 'content-encodings', 'credentials']

beforeAll(async () => {
  ensureBuilt()
  const shape = { bundle: true, platform: 'node', format: 'esm' } as const
  await build({ ...shape, entryPoints: [join(ROOT, 'daemon/topology/tunnel-child.ts')], outfile: childScript })
})
afterAll(() => rmSync(folder, { recursive: true }))

type Tunnel = Extract<CaptureSettings, { kind: 'udp-tunnel' }>

class Rig {
  readonly supervisor: CaptureSupervisor
  readonly frames: CapturedFrame[] = []
  readonly log: string[] = []
  readonly port: number
  readonly #stats: CaptureStats[] = []
  readonly #stop = new AbortController()
  readonly #server = createServer((socket) => void this.#read(socket))
  readonly #sender = createSocket('udp4')

  private constructor(socketPath: string, port: number, settings: Partial<Tunnel>) {
    this.port = port
    const source = { kind: 'udp-tunnel', protocol: 'vxlan', senders: ['127.0.0.0/8'], vnis: [], buffer_mib: 1 } as const
    this.supervisor = new CaptureSupervisor({
      capture: { ...source, listen: `127.0.0.1:${port}`, ...settings },
      socketPath,
      logger: pino({}, { write: (line: string) => this.log.push(line) }),
      onStats: (stats) => this.#stats.push(stats),
      childScript,
    })
    this.#server.listen(socketPath)
  }

  static async start(settings: Partial<Tunnel> = {}): Promise<Rig> {
    const rig = new Rig(join(folder, `${rigs.length}.sock`), await freePort(), settings)
    rigs.push(rig)
    await rig.supervisor.start()
    return rig
  }

  count(what: 'received' | 'kernelDrops' | 'foreign'): number {
    return this.#stats.reduce((sum, stats) => sum + stats[what], 0)
  }

  async send(datagrams: readonly Buffer[], from?: string): Promise<void> {
    const sender = from === undefined ? this.#sender : createSocket('udp4')
    if (from !== undefined) await new Promise<void>((resolve) => sender.bind(0, from, resolve))
    for (const [index, datagram] of datagrams.entries()) {
      await new Promise((resolve) => sender.send(datagram, this.port, '127.0.0.1', resolve))
      if (index % 50 === 49) await sleep(1)
    }
    if (from !== undefined) sender.close()
  }

  async end(): Promise<void> {
    await this.supervisor.stop()
    this.#stop.abort()
    this.#server.close()
    this.#sender.close()
  }

  async #read(socket: import('node:net').Socket): Promise<void> {
    const options = { hostClock: () => Date.now() * 1000, stop: this.#stop.signal }
    for await (const event of liveEvents(socket, { kind: 'udp-tunnel', name: 'mirror' }, options)) {
      if (event.kind === 'clock') continue
      const { batch } = event
      for (let row = 0; row < batch.count; row++) {
        const from = batch.offset[row]!
        this.frames.push({
          time: BigInt(Math.round(batch.time[row]!)) * 1000n,
          bytes: Buffer.from(batch.bytes.subarray(from, from + batch.captured[row]!)),
          original: batch.original[row]!,
          linkType: batch.linkType[row]!,
        })
      }
    }
  }
}

const rigs: Rig[] = []
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.end()
})

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(resolve))
  return port
}

function capture(name: string): CapturedFrame[] {
  return readCapture(readFileSync(join(CAPTURES, `${name}.pcap`)))
}

/** What the mirror of this capture would send. */
function mirrored(tunnel: 'vxlan' | 'geneve' | 'geneve-ip', frames: readonly CapturedFrame[], vni = VNI): Buffer[] {
  const wrap = encapsulate(tunnel, { vni })
  return wrap([...frames]).map((frame) => frame.bytes.subarray((frame.linkType === RAW_IP ? 0 : 14) + 28))
}

/** Without what the time of arrival decides. */
function timeless(line: string): unknown {
  const { id, ts, end_ts, duration_us, source, ...rest } = JSON.parse(line) as Record<string, unknown>
  return rest
}

const met = (condition: () => boolean, rig: Rig) => until(condition, 5000, () => rig.log.join(''))

describe('a mirror that sends datagrams', () => {
  test.each(['vxlan', 'geneve', 'geneve-ip'] as const)('%s gives the transactions of the capture', async (tunnel) => {
    const rig = await Rig.start({ protocol: tunnel === 'vxlan' ? 'vxlan' : 'geneve', vnis: ['900-910'] })
    let transactions = 0
    for (const name of tunnel === 'vxlan' ? NAMES : NAMES.slice(0, 2)) {
      const frames = capture(name)
      const first = rig.frames.length
      await rig.send(mirrored(tunnel, frames))
      await met(() => rig.frames.length >= first + frames.length, rig)
      const path = join(folder, `${tunnel}-${name}.pcap`)
      writeFileSync(path, writePcap(rig.frames.slice(first)))
      const expected = await lines(['replay', join(CAPTURES, `${name}.pcap`), '--emit', 'transactions'])
      const read = await lines(['replay', path, '--emit', 'transactions'])
      expect(read.map(timeless)).toEqual(expected.map(timeless))
      for (const line of read) expect(line).toContain(`"vni":${VNI}`)
      transactions += read.length
    }
    expect(transactions).toBeGreaterThan(tunnel === 'vxlan' ? 12 : 4)
    // The time is that of this host's clock.
    const now = BigInt(Date.now()) * 1_000_000n
    for (const { time } of rig.frames) expect(Number(now - time)).toBeLessThan(30e9)
    await rig.supervisor.stop()
    expect(rig.count('received')).toBe(rig.frames.length)
    expect(rig.count('foreign')).toBe(0)
  })

  test('it runs without rights and is called by its address', async () => {
    const rig = await Rig.start()
    expect(effectiveCapabilities(rig.supervisor.pid!)).toBe(0n)
    expect(rig.supervisor.name).toBe(`127.0.0.1:${rig.port}`)
    expect(rig.supervisor.state).toBe('capturing')
  })

  test('other senders, other networks and no tunnel at all are counted and go no further', async () => {
    const rig = await Rig.start({ senders: ['127.0.0.1'], vnis: [1, VNI, '1000-1999'] })
    const frames = capture('keep-alive').slice(0, 10)
    await rig.send(mirrored('vxlan', frames, 910))
    await rig.send([Buffer.from('hello'), Buffer.alloc(0), Buffer.alloc(200)])
    await rig.send(mirrored('vxlan', frames), '127.0.0.2')
    await rig.send(mirrored('vxlan', frames, 1999))
    await met(() => rig.frames.length === 10 && rig.count('foreign') === 23, rig)
    await rig.supervisor.stop()
    expect(rig.frames.length).toBe(10)
    expect(rig.count('received')).toBe(10)
    expect(rig.count('foreign')).toBe(23)
  })

  test('what the kernel drops because the buffer is full is counted: all that was sent is delivered or dropped', async () => {
    const rig = await Rig.start()
    process.kill(rig.supervisor.pid!, 'SIGSTOP')
    const sent = 3000
    await rig.send(Array.from({ length: sent }, () => Buffer.concat([mirroredHeader, Buffer.alloc(1200)])))
    process.kill(rig.supervisor.pid!, 'SIGCONT')
    await met(() => rig.count('received') === sent, rig)
    await rig.supervisor.stop()
    expect(rig.count('kernelDrops')).toBeGreaterThan(500)
    expect(rig.frames.length).toBeGreaterThan(100)
    expect(rig.frames.length + rig.count('kernelDrops')).toBe(sent)
  })

  test('a smaller buffer than asked for is told, with the remedy', async () => {
    const rig = await Rig.start({ buffer_mib: 1024 })
    await met(() => rig.log.length > 0, rig)
    expect(rig.log[0]).toContain('sysctl -w net.core.rmem_max=1073741824')
  })

  test('an address that is taken, or no address of this host, is refused with what to do', async () => {
    const rig = await Rig.start()
    await expect(Rig.start({ listen: `127.0.0.1:${rig.port}` })).rejects.toMatchObject({
      code: 'OFFPATH_E_LISTEN',
      message: expect.stringContaining('is in use'),
      remedy: expect.stringContaining(String(rig.port)),
    })
    await expect(Rig.start({ listen: '203.0.113.77:4789' })).rejects.toMatchObject({
      code: 'OFFPATH_E_LISTEN',
      message: '203.0.113.77:4789 is no address of this host',
    })
  })

  test('a child that is killed is down, then comes back on the same address', async () => {
    const rig = await Rig.start()
    const before = rig.supervisor.pid!
    process.kill(before, 'SIGKILL')
    await met(() => rig.supervisor.state === 'down', rig)
    await met(() => rig.supervisor.state === 'capturing' && rig.supervisor.pid !== before, rig)
    await rig.send(mirrored('vxlan', capture('keep-alive').slice(0, 5)))
    await met(() => rig.frames.length === 5, rig)
  })
})

const mirroredHeader = Buffer.from([8, 0, 0, 0, 0, 3, 0x8d, 0])

interface Status {
  readonly sources: readonly { kind: string; name: string; state: string }[]
  readonly funnel: { readonly pairs: { readonly delivered: number } }
  readonly counters: Readonly<Record<string, number>>
}

test('offpath run lists the source, finds pairs in it, and counts strangers', async () => {
  const daemonFolder = new DaemonFolder()
  const port = await freePort()
  const sender = createSocket('udp4')
  try {
    const mirror = { kind: 'udp-tunnel', name: 'mirror', listen: `127.0.0.1:${port}`, protocol: 'vxlan' }
    daemonFolder.configure({ sources: [{ ...mirror, senders: ['127.0.0.0/8'], vnis: [VNI], buffer_mib: 1 }] })
    const daemon = daemonFolder.start('--store', 'none')
    await daemon.ready()
    const frames = capture('keep-alive')
    for (const datagram of [...mirrored('vxlan', frames), ...mirrored('vxlan', frames, 5)]) {
      await new Promise((resolve) => sender.send(datagram, port, '127.0.0.1', resolve))
    }
    let status: Status | null = null
    await until(
      async () => {
        status = await daemonFolder.json<Status>('status')
        return status.funnel.pairs.delivered > 0 && status.counters['tunnel.foreign'] === frames.length
      },
      8000,
      () => daemon.stderr + JSON.stringify(status),
    )
    expect(status!.sources).toEqual([
      expect.objectContaining({ kind: 'udp-tunnel', name: 'mirror', state: 'capturing' }),
    ])
    await daemon.stop()
  } finally {
    sender.close()
    await daemonFolder.remove()
  }
})
