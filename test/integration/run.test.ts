import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { effectiveCapabilities } from '../../daemon/topology/privileges.ts'
import { childrenOf } from './child-processes.ts'
import { DaemonFolder, type DaemonProcess, until } from './daemon-process.ts'
import { ensureBuilt } from './program.ts'

/**
 * The daemon as a user starts it: `offpath run --pcap lo`, real requests over the loopback, incidents on standard output.
 */
const whyNot = process.getuid?.() === 0 ? null : 'needs root to capture on the loopback'
if (whyNot !== null) console.warn(`skipped: offpath run: ${whyNot}`)

let server: Server
let port = 0
let folder: DaemonFolder
let daemon: DaemonProcess

async function guess(account: string, password: string): Promise<void> {
  await fetch(`http://127.0.0.1:${port}/v1/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: account, password }),
  }).then((answer) => answer.text())
}

/** Guesses until an incident opens; returns how long after the last answer it was printed, in milliseconds. */
async function guessUntilFound(account: string): Promise<number> {
  const before = daemon.incidents.length
  for (let i = 0; i < 40; i++) {
    await guess(account, `wrong-${i}`)
    const answeredMs = Date.now()
    await until(
      () => daemon.incidents.length > before,
      300,
      () => '',
    ).catch(() => undefined)
    const found = daemon.incidents[before]
    if (found !== undefined) return found.heardMs - answeredMs
  }
  throw new Error(`40 guesses and no incident: ${daemon.stderr}`)
}

describe.skipIf(whyNot !== null)('offpath run on the loopback', () => {
  beforeAll(ensureBuilt)

  beforeEach(async () => {
    server = createServer((request, response) => {
      request.resume()
      request.on('end', () => {
        response.statusCode = request.url === '/v1/login' ? 401 : 200
        response.end('{}')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
    folder = new DaemonFolder()
    folder.configure({ sources: [{ kind: 'pcap', interface: 'lo', filter: `tcp port ${port}` }] })
    daemon = folder.start()
    await daemon.ready()
  })

  afterEach(async () => {
    await daemon.stop()
    await folder.remove()
    await new Promise((resolve) => server.close(resolve))
  })

  test('an incident is printed within a second of the packet that completes it', async () => {
    expect(await guessUntilFound('mallory')).toBeLessThan(1000)
    expect(daemon.incidents[0]!.line.detector).toBe('auth.bruteforce')
  })

  test('every process but control has no capability left', () => {
    const children = childrenOf(daemon.child.pid!)
    expect(children.map((child) => child.script).sort()).toEqual(['capture-child.js', 'engine.js', 'store.js'])
    for (const child of children) expect(effectiveCapabilities(child.pid)).toBe(0n)
  })

  test('a capture child that is killed comes back, and detection goes on', async () => {
    const child = childrenOf(daemon.child.pid!).find((each) => each.script === 'capture-child.js')!
    process.kill(child.pid, 'SIGKILL')
    await until(
      () => childrenOf(daemon.child.pid!).some((each) => each.script === 'capture-child.js' && each.pid !== child.pid),
      10_000,
      () => daemon.stderr,
    )
    await sleep(1000)
    await guessUntilFound('trent')
  })

  test('without the engine there is nothing to run: the daemon ends and says so', async () => {
    const engine = childrenOf(daemon.child.pid!).find((each) => each.script === 'engine.js')!
    const ended = new Promise<number | null>((resolve) => daemon.child.once('exit', resolve))
    process.kill(engine.pid, 'SIGKILL')
    expect(await ended).toBe(1)
    expect(daemon.stderr).toContain('the engine process ended')
  })

  test('it stops at once on an idle wire', async () => {
    const startedMs = Date.now()
    expect(await daemon.stop()).toBe(0)
    expect(Date.now() - startedMs).toBeLessThan(3000)
    expect(childrenOf(daemon.child.pid!)).toEqual([])
  })
})
