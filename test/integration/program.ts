import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'

export const ROOT = join(import.meta.dirname, '..', '..')
export const PROGRAM = join(ROOT, 'dist', 'offpath.js')

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Builds the program when there is none; CI and scripts/test build it anew before the tests. */
export function ensureBuilt(): void {
  if (existsSync(PROGRAM)) return
  const built = spawnSync('npm', ['run', 'build'], { cwd: ROOT, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(built.stdout + built.stderr)
}

/** Runs the built program under the published test key, as a user would, from another folder. */
export function offpath(args: readonly string[], stdin?: Buffer): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd: join(ROOT, 'test'),
      env: {
        PATH: process.env.PATH,
        HOME: '/nonexistent',
        OFFPATH_PRIVACY_KEY: TEST_KEY.bytes.toString('hex'),
        NO_COLOR: '1',
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.stdin.on('error', () => {})
    child.stdin.end(stdin)
    child.on('error', reject)
    child.on('close', (status) =>
      resolve({ status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    )
  })
}

/** The JSON Lines of a run that must succeed. */
export async function lines(args: readonly string[], stdin?: Buffer): Promise<string[]> {
  const ran = await offpath(args, stdin)
  if (ran.status !== 0) throw new Error(`offpath ${args.join(' ')}: exit ${ran.status}\n${ran.stderr}`)
  return ran.stdout.split('\n').filter((line) => line !== '')
}
