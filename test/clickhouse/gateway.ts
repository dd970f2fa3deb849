import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { build } from 'esbuild'

const ROOT = join(import.meta.dirname, '../..')
const PROGRAM = join(ROOT, '.cache', 'test-clickhouse', 'http-gateway.mjs')

export interface GatewayOptions {
  readonly folder: string
  readonly user: string
  readonly password: string
  readonly certificate?: { readonly cert: string; readonly key: string }
}

/** http-gateway.ts as a child; `stop` and `start` on the same port are a server that goes and comes back. */
export class Gateway {
  readonly #options: GatewayOptions
  #child: ChildProcess | null = null
  port = 0

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  get url(): string {
    return `${this.#options.certificate === undefined ? 'http' : 'https'}://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    await build({
      entryPoints: [join(import.meta.dirname, 'http-gateway.ts')],
      outfile: PROGRAM,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      external: ['chdb'],
    })
    const { folder, user, password, certificate } = this.#options
    const child = spawn(process.execPath, [PROGRAM], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        GATEWAY_FOLDER: folder,
        GATEWAY_USER: user,
        GATEWAY_PASSWORD: password,
        GATEWAY_PORT: String(this.port),
        ...(certificate === undefined ? {} : { GATEWAY_CERT: certificate.cert, GATEWAY_KEY: certificate.key }),
      },
    })
    this.#child = child
    const [line] = (await Promise.race([
      once(child.stdout!, 'data'),
      once(child, 'exit').then(() => {
        throw new Error('the gateway ended at once')
      }),
    ])) as [Buffer]
    this.port = Number(line.toString())
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
}
