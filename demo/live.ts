import { setMaxListeners } from 'node:events'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack } from './attacks.ts'
import type { Call, Reply, Script } from './behaviour.ts'
import { requestHeaders } from './simulation.ts'
import { Devices, type Visit, visitsOfScene } from './visits.ts'
import type { World } from './world.ts'

/**
 * Plays a scene for real: callers and attackers send HTTP requests over kept-alive connections to the sample API on
 * loopback. As behind an ingress, a few connections carry everybody, and the caller's address is in X-Forwarded-For.
 *
 * Bounded: it ends after `lengthMs`, at the latest one request timeout later, whoever still had something to say.
 */
export interface SceneOptions {
  readonly world: World
  readonly port: number
  readonly attacks: readonly Attack[]
  readonly lengthMs: number
  readonly stop: AbortSignal
  onAttack?(attack: Attack): void
}

/** When an attack really ran. */
export interface AttackRun {
  readonly attack: Attack
  readonly firstMs: number
  readonly lastMs: number
  readonly requests: number
}

export interface SceneReport {
  readonly startedMs: number
  readonly endedMs: number
  readonly requests: number
  /** Requests that got no answer: refused connections, timeouts. 0 unless something is wrong. */
  readonly failed: number
  readonly callers: number
  readonly addresses: number
  /** Status to count. */
  readonly statuses: Readonly<Record<string, number>>
  readonly attacks: readonly AttackRun[]
}

/** Connections between the ingress and the API. */
const CONNECTIONS = 24
const REQUEST_TIMEOUT_MS = 3_000

export async function playScene(options: SceneOptions): Promise<SceneReport> {
  const { world, attacks, lengthMs } = options
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, maxFreeSockets: CONNECTIONS })
  const startedMs = Date.now()
  const over = new AbortController()
  const end = (): void => over.abort()
  const timer = setTimeout(end, lengthMs)
  if (options.stop.aborted) end()
  options.stop.addEventListener('abort', end, { once: true })
  // One listener for everybody who is waiting: their number is that of the scripts, not a leak.
  setMaxListeners(0, over.signal)
  const deadline = over.signal
  const tally = { requests: 0, failed: 0, statuses: {} as Record<string, number> }
  const addresses = new Set<string>()

  const play = async (script: Script, delayMs: number, onRequest: (atMs: number) => void): Promise<void> => {
    await pause(delayMs, deadline)
    let step = script.next()
    while (step.done !== true && !deadline.aborted) {
      await pause(step.value.waitMs, deadline)
      if (deadline.aborted) break
      const { call } = step.value
      onRequest(Date.now())
      addresses.add(call.address)
      tally.requests++
      const reply = await send(call, world.host, options.port, agent)
      if (reply.status === 0) tally.failed++
      tally.statuses[reply.status] = (tally.statuses[reply.status] ?? 0) + 1
      step = script.next(reply)
    }
    script.return()
  }

  const bad = new Set(attacks.flatMap((attack) => attack.attackers.map((attacker) => attacker.value)))
  const visits = visitsOfScene(world, new Devices(startedMs), lengthMs, bad)
  const benign = visits.map((visit: Visit) => play(visit.begin(startedMs + visit.startMs), visit.startMs, () => {}))
  const planted = attacks.map(async (attack) => {
    let firstMs = 0
    let lastMs = 0
    let requests = 0
    const scripts = attack.scripts.map((script) =>
      play(script, attack.startMs, (atMs) => {
        if (requests++ === 0) {
          firstMs = atMs
          options.onAttack?.(attack)
        }
        lastMs = atMs
      }),
    )
    await Promise.all(scripts)
    return { attack, firstMs, lastMs, requests }
  })
  const runs = await Promise.all(planted)
  await Promise.all(benign)
  clearTimeout(timer)
  options.stop.removeEventListener('abort', end)
  agent.destroy()
  return {
    startedMs,
    endedMs: Date.now(),
    ...tally,
    callers: new Set(visits.map((visit) => visit.caller.sub)).size,
    addresses: addresses.size,
    attacks: runs,
  }
}

/** One request; status 0 when nothing came back. */
function send(call: Call, host: string, port: number, agent: Agent): Promise<Reply> {
  return new Promise((resolve) => {
    const nothing = (): void => resolve({ status: 0, body: '', atMs: Date.now() })
    const sent = request(
      {
        agent,
        host: '127.0.0.1',
        port,
        method: call.method,
        path: call.target,
        headers: requestHeaders(call, host).flat(),
        timeout: REQUEST_TIMEOUT_MS,
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', nothing)
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), atMs: Date.now() }),
        )
      },
    )
    sent.on('timeout', () => sent.destroy())
    sent.on('error', nothing)
    sent.end(call.body)
  })
}

/** Waits, or not at all once the scene is over. */
async function pause(ms: number, stop: AbortSignal): Promise<void> {
  if (ms <= 0 || stop.aborted) return
  await sleep(ms, undefined, { signal: stop }).catch(() => {})
}
