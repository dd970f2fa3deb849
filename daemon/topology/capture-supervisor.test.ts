import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type CaptureStats, CaptureSupervisor, lossesIn, type SupervisorOptions } from './capture-supervisor.ts'

/** Commands here are small Node programs: they are told to give up root first, as a capture command must. */
const GIVE_UP = 'process.getuid() === 0 && (process.setgroups([]), process.setgid(65534), process.setuid(65534));'

let folder: string
let server: Server
let received: string[]
let ended: number
const log: string[] = []
const note = (...said: unknown[]) => void log.push(JSON.stringify(said))
const logger = { info: note, warn: note, error: note } as unknown as SupervisorOptions['logger']

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-supervisor-'))
  received = []
  ended = 0
  log.length = 0
  server = createServer((socket: Socket) => {
    const life = received.push('') - 1
    socket.on('data', (bytes) => {
      received[life] += bytes.toString()
    })
    socket.on('end', () => ended++)
  })
  await new Promise<void>((resolve) => server.listen(join(folder, 'engine.sock'), resolve))
})

afterEach(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

function supervise(code: string, overrides: Partial<SupervisorOptions> = {}): CaptureSupervisor {
  return new CaptureSupervisor({
    capture: { kind: 'exec', command: [process.execPath, '-e', GIVE_UP + code], name: 'tap' },
    socketPath: join(folder, 'engine.sock'),
    logger,
    onStats: () => undefined,
    ...overrides,
  })
}

async function until(condition: () => boolean): Promise<boolean> {
  const deadline = performance.now() + 8000
  while (!condition() && performance.now() < deadline) await sleep(10)
  return condition()
}

test('what the command writes reaches the engine, and its end too: control holds no copy of the socket', async () => {
  let over = 0
  const supervisor = supervise('process.stdout.write("frames"); setTimeout(() => process.exit(0), 400)', {
    onEnd: () => over++,
  })
  await supervisor.start()
  expect(await until(() => ended === 1)).toBe(true)
  expect(received).toEqual(['frames'])
  expect(await until(() => over === 1)).toBe(true)
  expect(supervisor.respawns).toBe(0)
  await supervisor.stop()
})

test('a command that dies is started again on a connection of its own, and counted', async () => {
  const stats: CaptureStats[] = []
  const supervisor = supervise('process.stdout.write("x"); setTimeout(() => process.exit(3), 300)', {
    onStats: (delta) => stats.push(delta),
  })
  await supervisor.start()
  expect(await until(() => received.filter((text) => text === 'x').length >= 3)).toBe(true)
  await supervisor.stop()
  expect(supervisor.respawns).toBeGreaterThanOrEqual(2)
  expect(stats.reduce((sum, delta) => sum + delta.respawns, 0)).toBe(supervisor.respawns)
  expect(log.join('')).toContain('exit code 3')
})

test('stopping waits for the command, and nothing is started afterwards', async () => {
  const supervisor = supervise('setInterval(() => {}, 1000)')
  await supervisor.start()
  const { pid } = supervisor
  await supervisor.stop()
  expect(() => process.kill(pid!, 0)).toThrow()
  await sleep(400)
  expect(received).toHaveLength(1)
  await supervisor.stop()
})

test('a command that does not hear SIGTERM is killed after a second', async () => {
  const supervisor = supervise('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)')
  await supervisor.start()
  await sleep(200)
  const asked = performance.now()
  await supervisor.stop()
  expect(performance.now() - asked).toBeLessThan(1900)
})

test('stopping during back-off is prompt', async () => {
  const supervisor = supervise('setTimeout(() => process.exit(3), 300)')
  await supervisor.start()
  await until(() => supervisor.pid === null)
  const asked = performance.now()
  await supervisor.stop()
  expect(performance.now() - asked).toBeLessThan(1500)
})

test('without an engine to connect to, starting fails', async () => {
  const supervisor = supervise('0', { socketPath: join(folder, 'nobody.sock') })
  await expect(supervisor.start()).rejects.toThrow('ENOENT')
})

test('losses are read from what tcpdump and dumpcap say at the end', () => {
  expect(lossesIn('3 packets dropped by kernel')).toEqual({ kernelDrops: 3 })
  expect(lossesIn('1 packet dropped by interface')).toEqual({ interfaceDrops: 1 })
  expect(
    lossesIn("Packets received/dropped on interface 'eth0': 200/7 (pcap:7/dumpcap:0/flushed:0/ps_ifdrop:0) (96.6%)"),
  ).toEqual({ kernelDrops: 7 })
  expect(lossesIn('12 packets captured')).toBeNull()
})
