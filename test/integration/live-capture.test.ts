import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, constants, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { liveEvents } from '../../daemon/sources/live.ts'
import type { CaptureSettings } from '../../daemon/topology/capture-command.ts'
import { type CaptureStats, CaptureSupervisor } from '../../daemon/topology/capture-supervisor.ts'
import { effectiveCapabilities, unprivilegedUser } from '../../daemon/topology/privileges.ts'

/**
 * Live capture on a veth pair between this machine's namespace and one made for the test, with real HTTP over it.
 * Needs root for the namespace; everything made is removed.
 */
const root = join(import.meta.dirname, '../..')
// 192.0.2.0/24 is left alone: sandboxes like to sit in it, and shadowing the gateway would cut them off.
const SERVER = '198.51.100.1'
const CLIENT_ADDRESS = '198.51.100.2'
const OUTSIDE = `opn${process.pid}`
const HERE = `opv${process.pid}`

const isRoot = process.getuid?.() === 0
const BINDING = 'pcap/build/Release/pcap_binding.node'
const hasBinding = canResolve(BINDING)
const whyNot = isRoot ? null : 'needs root to make a network namespace'
if (whyNot !== null) console.warn(`skipped: live capture: ${whyNot}`)
if (!hasBinding) console.warn('skipped: live capture through npm pcap: the package is not built')

const folder = mkdtempSync(join(tmpdir(), 'offpath-live-'))
/** Built where the package `pcap` can be found, and once where it cannot; readable for `nobody`, as the checkout may not be. */
const programs = join(folder, 'programs')
const childScript = join(programs, 'capture-child.mjs')
const probeScript = join(programs, 'probe.mjs')
const lonelyChild = join(folder, 'capture-child.mjs')

function canResolve(name: string): boolean {
  try {
    import.meta.resolve(name)
    return true
  } catch {
    return false
  }
}

function sh(command: string): void {
  const [program, ...args] = command.split(' ')
  execFileSync(program!, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

function addLink(): void {
  sh(`ip link add ${HERE} type veth peer name opw${process.pid} netns ${OUTSIDE}`)
  sh(`ip addr add ${SERVER}/30 dev ${HERE}`)
  sh(`ip link set ${HERE} up`)
  sh(`ip -n ${OUTSIDE} addr add ${CLIENT_ADDRESS}/30 dev opw${process.pid}`)
  sh(`ip -n ${OUTSIDE} link set opw${process.pid} up`)
}

/** One engine's end: listens, reads every connection's frames, and keeps what it saw. */
class Engine {
  readonly socketPath: string
  readonly frames: { time: number; bytes: Buffer }[] = []
  connections = 0
  clocks = 0
  readonly #server: Server
  readonly #stop = new AbortController()

  constructor(name: string) {
    this.socketPath = join(folder, `${name}.sock`)
    this.#server = createServer((socket) => {
      this.connections++
      void this.#read(socket)
    })
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.socketPath, resolve))
  }

  close(): void {
    this.#stop.abort()
    this.#server.close()
  }

  get payload(): string {
    return Buffer.concat(this.frames.map((frame) => frame.bytes)).toString('latin1')
  }

  async #read(socket: import('node:net').Socket): Promise<void> {
    const options = { hostClock: () => Date.now() * 1000, stop: this.#stop.signal }
    for await (const event of liveEvents(socket, { kind: 'pcap', name: HERE }, options)) {
      if (event.kind === 'clock') {
        this.clocks++
        continue
      }
      const { batch } = event
      for (let row = 0; row < batch.count; row++) {
        const offset = batch.offset[row]!
        const bytes = Buffer.from(batch.bytes.subarray(offset, offset + batch.captured[row]!))
        this.frames.push({ time: batch.time[row]!, bytes })
      }
    }
  }
}

interface Rig {
  readonly engine: Engine
  readonly supervisor: CaptureSupervisor
  readonly stats: CaptureStats[]
  readonly log: string[]
}

const rigs: Rig[] = []
let rigCount = 0

async function rig(capture: CaptureSettings, script = childScript): Promise<Rig> {
  const engine = new Engine(`engine-${rigCount++}`)
  await engine.listen()
  const stats: CaptureStats[] = []
  const log: string[] = []
  const logger = pino({}, { write: (line: string) => log.push(line) })
  const { socketPath } = engine
  const onStats = (delta: CaptureStats) => stats.push(delta)
  const supervisor = new CaptureSupervisor({ capture, socketPath, logger, onStats, childScript: script })
  const made = { engine, supervisor, stats, log }
  rigs.push(made)
  return made
}

function pcapSource(overrides: Partial<Extract<CaptureSettings, { kind: 'pcap' }>> = {}): CaptureSettings {
  return { kind: 'pcap', interface: HERE, filter: 'tcp', ring_mib: 4, snap_length: 262_144, ...overrides }
}

/** A new link takes a moment before it carries anything. */
async function linkReady(): Promise<void> {
  await until(() => readFileSync(`/sys/class/net/${HERE}/operstate`, 'utf8').trim() === 'up')
}

/** `count` requests from the other namespace, each with its own path. */
async function exchange(count: number, tag: string): Promise<void> {
  await linkReady()
  const urls = Array.from({ length: count }, (_, index) => `http://${SERVER}:8080/v1/${tag}/${index}`)
  await new Promise<void>((resolve, reject) => {
    const client = spawn('ip', ['netns', 'exec', OUTSIDE, process.execPath, '-e', CLIENT, ...urls], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    client.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`client exit ${code}`))))
  })
}

const CLIENT = `
const http = require('node:http')
const agent = new http.Agent({ keepAlive: false })
const get = (url) => new Promise((resolve, reject) => {
  http.get(url, { agent, timeout: 5000 }, (response) => response.resume().on('end', resolve)).on('error', reject)
})
process.argv.slice(1).reduce((before, url) => before.then(() => get(url)), Promise.resolve())
`

async function until(condition: () => boolean, milliseconds = 8000): Promise<boolean> {
  const deadline = performance.now() + milliseconds
  while (!condition() && performance.now() < deadline) await sleep(20)
  return condition()
}

/** A descriptor that blocks: synchronous writes wait for a slow engine instead of failing with EAGAIN. */
function isBlocking(pid: number, descriptor: number): boolean {
  const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8'))?.[1]
  return (Number.parseInt(flags ?? '', 8) & constants.O_NONBLOCK) === 0
}

/** What of an exchange was not captured, both directions. */
function missing(engine: Engine, count: number, tag: string): string[] {
  const seen = engine.payload
  const wanted = Array.from({ length: count }, (_, index) => [
    `GET /v1/${tag}/${index} HTTP/1.1`,
    `answer to /v1/${tag}/${index};`,
  ]).flat()
  return wanted.filter((text) => !seen.includes(text))
}

/** Starts what control starts for the engine, and shows with which rights it runs. */
const PROBE = `
import { spawnSync } from 'node:child_process'
import { dropPrivileges, effectiveCapabilities, unprivilegedCommand } from './daemon/topology/privileges.ts'
if (process.argv[2] === 'drop') dropPrivileges()
const [command, ...args] = [...unprivilegedCommand(), 'cat', '/proc/self/status']
const status = spawnSync(command, args, { encoding: 'utf8' }).stdout
console.log(JSON.stringify({ own: String(effectiveCapabilities('self')), status }))
`

/** Runs a program as `nobody` with ambient capabilities, as systemd's AmbientCapabilities= does. */
function asNobody(capabilities: readonly string[], ...command: string[]): [program: string, args: string[]] {
  const list = capabilities.length === 0 ? '-all' : capabilities.map((name) => `+${name}`).join(',')
  const { uid, gid } = unprivilegedUser()
  const account = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']
  return ['setpriv', [...account, `--inh-caps=${list}`, `--ambient-caps=${list}`, '--', ...command]]
}

const ORDER = JSON.stringify({ interface: HERE, filter: 'tcp', snapLength: 65_535, ringBytes: 4_194_304, gatherMs: 25 })

/** Starts the capture child alone and waits for its first report, or its end. */
async function firstReport(capabilities: readonly string[]): Promise<{ report: string; pid: number; end(): void }> {
  const [program, args] = asNobody(capabilities, process.execPath, childScript, ORDER)
  const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  await until(() => said.includes('\n'))
  return { report: said, pid: child.pid!, end: () => child.kill('SIGKILL') }
}

let httpServer: HttpServer

beforeAll(async () => {
  if (whyNot !== null) return
  chmodSync(folder, 0o755)
  const bundled = { bundle: true, platform: 'node', format: 'esm', external: ['pcap'] } satisfies BuildOptions
  for (const outfile of [childScript, lonelyChild]) {
    await build({ ...bundled, entryPoints: [join(root, 'daemon/sources/capture-child.ts')], outfile })
  }
  await build({ ...bundled, stdin: { contents: PROBE, resolveDir: root, loader: 'ts' }, outfile: probeScript })
  if (hasBinding) {
    const place = join(programs, 'node_modules/pcap/build/Release')
    mkdirSync(place, { recursive: true })
    cpSync(fileURLToPath(import.meta.resolve(BINDING)), join(place, 'pcap_binding.node'))
  }
  sh(`ip netns add ${OUTSIDE}`)
  addLink()
  httpServer = createHttpServer((request, response) => response.end(`answer to ${request.url};`))
  await new Promise<void>((resolve) => httpServer.listen(8080, '0.0.0.0', resolve))
})

afterAll(async () => {
  for (const { engine, supervisor } of rigs) {
    await supervisor.stop()
    engine.close()
  }
  httpServer?.close()
  if (whyNot === null) sh(`ip netns del ${OUTSIDE}`)
  rmSync(folder, { recursive: true, force: true })
})

describe.skipIf(whyNot !== null || !hasBinding)('npm pcap', () => {
  test('captures every packet of real requests, with no capability, and adds up', async () => {
    const { engine, supervisor, stats } = await rig(pcapSource())
    await supervisor.start()
    expect(effectiveCapabilities(supervisor.pid!)).toBe(0n)
    expect(isBlocking(supervisor.pid!, 1)).toBe(true)
    await exchange(40, 'orders')
    expect(await until(() => missing(engine, 40, 'orders').length === 0)).toBe(true)
    await supervisor.stop()
    const sum = (pick: (one: CaptureStats) => number) => stats.reduce((total, one) => total + pick(one), 0)
    expect(sum((one) => one.kernelDrops)).toBe(0)
    expect(sum((one) => one.received)).toBe(engine.frames.length)
    expect(sum((one) => one.cut)).toBe(0)
  })

  test('a packet arrives well within a second', async () => {
    const { engine, supervisor } = await rig(pcapSource())
    await supervisor.start()
    await exchange(1, 'quick')
    expect(await until(() => engine.frames.length > 0)).toBe(true)
    const before = engine.frames.length
    const asked = performance.now()
    await exchange(1, 'late')
    await until(() => engine.frames.length > before)
    const arrived = Date.now() * 1000
    expect(arrived - engine.frames.at(-1)!.time).toBeLessThan(500_000)
    expect(performance.now() - asked).toBeLessThan(5000)
    await supervisor.stop()
  })

  test('stops promptly on an idle interface, while the clock goes on', async () => {
    const { engine, supervisor } = await rig(pcapSource({ filter: 'tcp port 9' }))
    await supervisor.start()
    expect(await until(() => engine.clocks >= 3)).toBe(true)
    const { pid } = supervisor
    const asked = performance.now()
    await supervisor.stop()
    expect(performance.now() - asked).toBeLessThan(1000)
    expect(effectiveCapabilities(pid!)).toBeNull()
  })

  test('a child that is killed is started again, counted and reported, and capture goes on', async () => {
    const { engine, supervisor, stats, log } = await rig(pcapSource())
    await supervisor.start()
    process.kill(supervisor.pid!, 'SIGKILL')
    expect(await until(() => engine.connections === 2 && supervisor.pid !== null)).toBe(true)
    expect(await until(() => log.some((line) => line.includes('capture is back')))).toBe(true)
    await exchange(5, 'again')
    expect(await until(() => missing(engine, 5, 'again').length === 0)).toBe(true)
    expect(supervisor.respawns).toBe(1)
    expect(stats.filter((one) => one.respawns > 0)).toHaveLength(1)
    expect(log.join('')).toContain('OFFPATH_E_CAPTURE_DIED')
    await supervisor.stop()
  })

  test('an interface that goes and comes back is captured again', async () => {
    const { engine, supervisor, log } = await rig(pcapSource())
    await supervisor.start()
    sh(`ip link del ${HERE}`)
    expect(await until(() => log.some((line) => line.includes('capture ended by itself')))).toBe(true)
    expect(supervisor.state).toBe('down')
    addLink()
    expect(await until(() => log.some((line) => line.includes('capture is back')), 15_000)).toBe(true)
    expect(supervisor.state).toBe('capturing')
    await exchange(3, 'back')
    expect(await until(() => missing(engine, 3, 'back').length === 0)).toBe(true)
    await supervisor.stop()
  })

  test('frames that the snap length cuts are counted', async () => {
    const { engine, supervisor, stats } = await rig(pcapSource({ snap_length: 80 }))
    await supervisor.start()
    await exchange(3, 'cut')
    expect(await until(() => engine.frames.length > 20)).toBe(true)
    await supervisor.stop()
    expect(stats.reduce((total, one) => total + one.cut, 0)).toBeGreaterThanOrEqual(6)
    expect(Math.max(...engine.frames.map((frame) => frame.bytes.length))).toBe(80)
  })

  test.each([['a bad filter', pcapSource({ filter: 'tcp prot 80' }), 'OFFPATH_E_BAD_FILTER', 'pcap-filter']])(
    '%s is refused with what to do',
    async (_name, capture, code, remedy) => {
      const { supervisor } = await rig(capture)
      await expect(supervisor.start()).rejects.toMatchObject({ code, remedy: expect.stringContaining(remedy) })
      expect(supervisor.respawns).toBe(0)
    },
  )

  test('an interface that is not there is waited for, with the reason', async () => {
    const { supervisor } = await rig(pcapSource({ interface: 'nosuch0' }))
    const missing = await supervisor.start()
    expect(missing).toMatchObject({ code: 'OFFPATH_E_NO_INTERFACE', remedy: expect.stringContaining('lo') })
    expect(supervisor.state).toBe('down')
    expect(supervisor.why).toContain('nosuch0')
    expect(await until(() => supervisor.respawns >= 2)).toBe(true)
    await supervisor.stop()
  })

  test('captures on all interfaces at once', async () => {
    const { engine, supervisor } = await rig(pcapSource({ interface: 'any', filter: 'tcp port 8080' }))
    await supervisor.start()
    await exchange(2, 'any')
    expect(await until(() => missing(engine, 2, 'any').length === 0)).toBe(true)
    await supervisor.stop()
  })
})

describe.skipIf(whyNot !== null)('without npm pcap', () => {
  test('the missing package is named with the commands that install it', async () => {
    const { supervisor } = await rig(pcapSource(), lonelyChild)
    await expect(supervisor.start()).rejects.toMatchObject({
      code: 'OFFPATH_E_PCAP_MISSING',
      remedy: expect.stringContaining('libpcap-dev g++ make python3 && npm ci'),
    })
  })

  test.each([
    ['tcpdump', ['tcpdump', '-i', HERE, '-U', '-w', '-', 'tcp']],
    ['dumpcap', ['dumpcap', '-q', '-i', HERE, '-w', '-', '-f', 'tcp']],
  ])('%s is read as a source of its own, and has no capability either', async (_name, command) => {
    const { engine, supervisor } = await rig({ kind: 'exec', command })
    await supervisor.start()
    expect(effectiveCapabilities(supervisor.pid!)).toBe(0n)
    await sleep(300)
    await exchange(10, 'exec')
    expect(await until(() => missing(engine, 10, 'exec').length === 0)).toBe(true)
    const asked = performance.now()
    await supervisor.stop()
    expect(performance.now() - asked).toBeLessThan(2000)
  })

  test('a command that keeps its capabilities is refused', async () => {
    const { supervisor } = await rig({ kind: 'exec', command: ['sleep', '30'] })
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'OFFPATH_E_NO_PRIVILEGE' })
  })

  test.each([
    ['a command that does not exist', ['offpath-no-such-program']],
    ['a command that fails at once', ['tcpdump', '-i', 'nosuch0', '-w', '-']],
  ])('%s is refused with what it said', async (_name, command) => {
    const { supervisor } = await rig({ kind: 'exec', command })
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'OFFPATH_E_EXEC', message: expect.any(String) })
  })
})

test.skipIf(whyNot !== null)('a root process that drops its privileges keeps no capability, group or user', () => {
  const { own, status } = JSON.parse(execFileSync(process.execPath, [probeScript, 'drop'], { encoding: 'utf8' }))
  const { uid, gid } = unprivilegedUser()
  expect(own).toBe('0')
  expect(status).toMatch(/^CapPrm:\s+0+$/m)
  expect(status).toMatch(new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}\\s`, 'm'))
  expect(status).toMatch(new RegExp(`^Gid:\\s+${gid}\\s+${gid}\\s+${gid}\\s`, 'm'))
  expect(status).toMatch(/^Groups:\s*$/m)
})

describe.skipIf(whyNot !== null)('started as a plain user with ambient capabilities', () => {
  test('the engine is started without any', () => {
    const [program, args] = asNobody(['net_raw', 'setuid'], process.execPath, probeScript)
    const { own, status } = JSON.parse(execFileSync(program, args, { encoding: 'utf8' }))
    expect(own).not.toBe('0')
    for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) expect(status).toMatch(new RegExp(`${set}:\\s+0+\\n`))
  })

  test('a user without capabilities needs nothing before the command', () => {
    const [program, args] = asNobody([], process.execPath, probeScript)
    expect(JSON.parse(execFileSync(program, args, { encoding: 'utf8' })).status).toMatch(/CapPrm:\s+0+\n/)
  })

  test.skipIf(!hasBinding)('the capture child gives up all of them when it may change its user', async () => {
    const { report, pid, end } = await firstReport(['net_raw', 'setuid'])
    expect(report).toContain('"kind":"ready"')
    expect(effectiveCapabilities(pid)).toBe(0n)
    end()
  })

  test.skipIf(!hasBinding)('the capture child refuses to read when it could not give up the one it has', async () => {
    const { report } = await firstReport(['net_raw'])
    expect(report).toContain('OFFPATH_E_NO_PRIVILEGE')
    expect(report).toContain('dumpcap')
  })

  test.skipIf(!hasBinding)('without the right to capture, the error says how to get it', async () => {
    const { report } = await firstReport([])
    expect(report).toContain('OFFPATH_E_NO_PRIVILEGE')
    expect(report).toContain('setcap')
  })

  test('dumpcap gives them up by itself', async () => {
    const [program, args] = asNobody(['net_raw'], 'dumpcap', '-q', '-i', HERE, '-w', '-')
    const dumpcap = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    dumpcap.stdout.resume()
    await new Promise((resolve) => dumpcap.stdout.once('data', resolve))
    expect(effectiveCapabilities(dumpcap.pid!)).toBe(0n)
    dumpcap.kill('SIGKILL')
  })
})
