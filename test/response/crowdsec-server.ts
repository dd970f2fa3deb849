import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const BINARIES = join(import.meta.dirname, '../../node_modules/.cache/crowdsec/usr/bin')
const run = promisify(execFile)

/** Null, or why the test with CrowdSec cannot run. */
export const whyNoCrowdsec = existsSync(join(BINARIES, 'crowdsec')) ? null : 'needs scripts/fetch-crowdsec'

export interface CrowdsecDecision {
  readonly value: string
  readonly scope: string
  readonly type: string
  readonly origin: string
  readonly scenario: string
  readonly duration: string
}

/** The local API of a CrowdSec of its own: no agent, no central API, one machine, one bouncer, sqlite in a temp folder. */
export class CrowdsecServer {
  readonly url: string
  readonly password = 'correct horse battery staple'
  readonly #folder: string
  readonly #port: number
  #child: ChildProcess | null = null

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.#port = port
    this.url = `http://127.0.0.1:${port}`
  }

  static async create(): Promise<CrowdsecServer> {
    const server = new CrowdsecServer(await mkdtemp(join(tmpdir(), 'offpath-crowdsec-')), await freePort())
    await server.#configure()
    await server.start()
    return server
  }

  async start(): Promise<void> {
    const args = ['-c', this.#config, '-no-cs', '-no-capi']
    this.#child = spawn(join(BINARIES, 'crowdsec'), args, { stdio: 'ignore' })
    for (let tries = 0; tries < 200; tries++) {
      const answer = await fetch(`${this.url}/health`).catch(() => null)
      if (answer !== null) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('CrowdSec did not start')
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  async close(): Promise<void> {
    await this.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** What a bouncer is told about an address. */
  async decisions(address: string): Promise<readonly CrowdsecDecision[]> {
    const answer = await fetch(`${this.url}/v1/decisions?ip=${encodeURIComponent(address)}`, {
      headers: { 'x-api-key': 'bouncer-key', 'user-agent': 'bouncer/1' },
    })
    if (answer.status !== 200) throw new Error(`status ${answer.status}`)
    return ((await answer.json()) as CrowdsecDecision[] | null) ?? []
  }

  get #config(): string {
    return join(this.#folder, 'config.yaml')
  }

  async #configure(): Promise<void> {
    const at = (name: string) => join(this.#folder, name)
    await mkdir(at('hub'))
    await writeFile(at('hub/.index.json'), '{}')
    await writeFile(at('simulation.yaml'), 'simulation: false\n')
    await writeFile(at('profiles.yaml'), 'name: none\nfilters: ["false"]\ndecisions: []\non_success: break\n')
    const config = {
      common: { daemonize: false, log_media: 'stdout', log_level: 'warning', working_dir: '.' },
      config_paths: {
        config_dir: this.#folder,
        data_dir: this.#folder,
        simulation_path: at('simulation.yaml'),
        hub_dir: at('hub'),
        index_path: at('hub/.index.json'),
        notification_dir: this.#folder,
        plugin_dir: this.#folder,
      },
      crowdsec_service: { enable: false },
      db_config: { log_level: 'warning', type: 'sqlite', db_path: at('crowdsec.db'), use_wal: false },
      api: {
        client: { insecure_skip_verify: false, credentials_path: at('client.yaml') },
        server: {
          log_level: 'warning',
          listen_uri: `127.0.0.1:${this.#port}`,
          profiles_path: at('profiles.yaml'),
          console_path: at('console.yaml'),
        },
      },
      prometheus: { enabled: false },
    }
    // JSON is YAML.
    await writeFile(this.#config, JSON.stringify(config))
    const cscli = join(BINARIES, 'cscli')
    const common = ['-c', this.#config]
    await run(cscli, [...common, 'machines', 'add', 'offpath', '--password', this.password, '-f', at('client.yaml')])
    await run(cscli, [...common, 'bouncers', 'add', 'bouncer', '-k', 'bouncer-key'])
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject()))
    })
  })
}
