// Two ends of a wire in a network namespace of their own, and `offpath run` that watches one of them. Needs root.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A veth pair between two namespaces made for this process: `near` in one, `far` in the other. */
export class Wire {
  constructor() {
    this.near = { namespace: `opa${process.pid}`, device: 'near', address: '198.51.100.1' }
    this.far = { namespace: `opb${process.pid}`, device: 'far', address: '198.51.100.2' }
    for (const { namespace } of [this.near, this.far]) ip('netns', 'add', namespace)
    const { near, far } = this
    ip('-n', near.namespace, 'link', 'add', near.device, 'type', 'veth', 'peer', 'name', far.device)
    ip('-n', near.namespace, 'link', 'set', far.device, 'netns', far.namespace)
    for (const { namespace, device, address } of [near, far]) {
      ip('-n', namespace, 'addr', 'add', `${address}/30`, 'dev', device)
      ip('-n', namespace, 'link', 'set', 'lo', 'up')
      ip('-n', namespace, 'link', 'set', device, 'up')
      // Otherwise the kernel hands over merged segments with checksums that are yet to be made.
      spawnSync('ip', ['netns', 'exec', namespace, 'ethtool', '-K', device, 'tx', 'off', 'gro', 'off', 'tso', 'off'])
    }
  }

  remove() {
    for (const { namespace } of [this.near, this.far]) spawnSync('ip', ['netns', 'del', namespace])
  }
}

function ip(...args) {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** A command inside an end's namespace. */
export function inside({ namespace }, command) {
  return ['ip', ['netns', 'exec', namespace, ...command]]
}

/** `offpath run --pcap` on one end, with all detectors and no store unless the settings say so. */
export class LiveDaemon {
  #folder = mkdtempSync(join(tmpdir(), 'offpath-live-'))
  #child
  #ended
  #said = ''
  /** Signals a program started: `watching` was said. */
  ready

  constructor(program, end, { ringMib = 64, store = 'none' } = {}) {
    const config = join(this.#folder, 'offpath.yaml')
    writeFileSync(
      config,
      `sources: [{kind: pcap, interface: ${end.device}, ring_mib: ${ringMib}}]
server: {listen: null}
state: {folder: ${join(this.#folder, 'data')}}
`,
    )
    const [command, args] = inside(end, [
      process.execPath,
      program,
      'run',
      '--config',
      config,
      '--store',
      store,
      '-o',
      'jsonl',
    ])
    this.#child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, OFFPATH_PRIVACY_KEY: '5a'.repeat(32) },
    })
    this.#ended = once(this.#child, 'exit')
    this.ready = new Promise((resolve, reject) => {
      this.#child.stderr.on('data', (part) => {
        this.#said = (this.#said + part).slice(-20_000)
        if (this.#said.includes('watching')) resolve()
      })
      this.#ended.then(([code, signal]) => reject(new Error(`offpath ended (${signal ?? code}): ${this.#said}`)))
    })
    this.ready.catch(() => undefined)
  }

  async status() {
    return JSON.parse(await this.#get('/api/v1/status'))
  }

  /** How late control's loop was since the last time this was asked, by quantile, in milliseconds. */
  async loopLagMs() {
    const text = await this.#get('/metrics')
    const found = [...text.matchAll(/^offpath_loop_lag_seconds\{quantile="([\d.]+)"\} (\S+)$/gm)]
    return Object.fromEntries(found.map(([, quantile, seconds]) => [quantile, Number(seconds) * 1000]))
  }

  /** The status once every frame that was sent has come through, or has been counted as lost, or no more come. */
  async drained(withinMs = 30_000) {
    let before = await this.status()
    for (let waited = 0; waited < withinMs; waited += 2500) {
      await sleep(2500)
      const now = await this.status()
      if (now.funnel.frames.in === before.funnel.frames.in) return now
      before = now
    }
    return before
  }

  async stop() {
    this.#child.kill('SIGTERM')
    await this.#ended
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #get(path) {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: join(this.#folder, 'data', 'offpath.sock'), path }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part) => {
          text += part
        })
        response.on('end', () =>
          response.statusCode === 200 ? resolve(text) : reject(new Error(`${path}: ${response.statusCode} ${text}`)),
        )
      })
      asked.on('error', reject)
      asked.end()
    })
  }
}

/** User and system time of a process and how much of it is resident; zeros once it is gone. */
export function usageOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return { cpuSeconds: (Number(stat[11]) + Number(stat[12])) / 100, rssMb: Number(rss?.[1] ?? 0) / 1024 }
  } catch {
    return { cpuSeconds: 0, rssMb: 0 }
  }
}

/** What a funnel does not account for. */
export function unexplained(funnel) {
  return ['frames', 'bytes', 'messages', 'pairs'].flatMap((stage) => {
    const { in: all, delivered, dropped } = funnel[stage]
    const rest = Object.values(dropped).reduce((left, count) => left - count, all - delivered)
    return rest === 0 ? [] : [`${stage}: ${rest}`]
  })
}
