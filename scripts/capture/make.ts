import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLIENT_SPACE, networkDown, networkUp, SERVER_SPACE } from './network.ts'
import { nginxConfig } from './nginx.ts'
import type { CaptureNote } from './note.ts'
import { REWRITES } from './rewrites.ts'
import { SCENES, type Scene } from './scenes.ts'
import type { Step } from './transcript.ts'
import { TSHARK } from './tshark-differences.ts'
import { apacheCommand, haproxyCommand } from './web-servers.ts'

const OUT = join(process.cwd(), 'test', 'captures')
const MAX_BYTES = 200_000

/** Outside: builds the namespaces and starts itself again in the client's. Inside: records every scene. */
async function main(names: readonly string[]): Promise<void> {
  if (process.env.OFFPATH_INSIDE === undefined) {
    networkUp()
    try {
      execFileSync('ip', ['netns', 'exec', CLIENT_SPACE, process.execPath, process.argv[1]!, ...names], {
        stdio: 'inherit',
        env: { ...process.env, OFFPATH_INSIDE: '1' },
      })
    } finally {
      networkDown()
    }
    return
  }
  mkdirSync(OUT, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), 'offpath-capture-'))
  const origin = inServerSpace([process.execPath, join(import.meta.dirname, 'origin.mjs')], true)
  await once(origin, 'message')
  writeFileSync(join(work, 'nginx.conf'), nginxConfig(work))
  const nginx = inServerSpace(['nginx', '-p', work, '-c', join(work, 'nginx.conf'), '-g', 'daemon off;'], false)
  const proxies = [apacheCommand(work), haproxyCommand(work)].map((command) => inServerSpace(command, false))
  await sleep(600)
  const script = async (transcript: readonly Step[]) => {
    origin.send({ transcript })
    await once(origin, 'message')
  }
  try {
    for (const scene of SCENES) {
      if (names.length > 0 && !names.includes(scene.name)) continue
      await record(scene, { work, script, accessLog: () => readFileSync(join(work, 'access.log'), 'utf8') })
    }
    for (const rewrite of REWRITES) {
      if (names.length > 0 && !names.includes(rewrite.name)) continue
      const note = JSON.parse(readFileSync(join(OUT, `${rewrite.from}.json`), 'utf8')) as CaptureNote
      const made = rewrite.rewrite(readFileSync(join(OUT, note.file)), note)
      const file = `${rewrite.name}.${rewrite.extension ?? 'pcap'}`
      writeFileSync(join(OUT, file), made.file)
      write(rewrite.name, {
        file,
        shows: rewrite.shows,
        server: note.server,
        client: note.client,
        command: `rewritten from ${rewrite.from}: ${rewrite.how}`,
        from: rewrite.from,
        transactions: made.transactions,
        ...tsharkNotes(rewrite.name),
      })
    }
  } finally {
    for (const server of [nginx, ...proxies]) server.kill('SIGTERM')
    origin.disconnect()
    await sleep(200)
    rmSync(work, { recursive: true, force: true })
  }
}

function inServerSpace(command: readonly string[], channel: boolean): ChildProcess {
  return spawn('ip', ['netns', 'exec', SERVER_SPACE, ...command], {
    stdio: channel ? ['ignore', 'inherit', 'inherit', 'ipc'] : ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, OFFPATH_ORIGIN: '1' },
  })
}

interface World {
  readonly work: string
  readonly script: (steps: readonly Step[]) => Promise<void>
  readonly accessLog: () => string
}

async function record(scene: Scene, world: World): Promise<void> {
  const file = `${scene.name}.${scene.extension ?? 'pcap'}`
  const raw = join(world.work, file)
  const command = scene.recorder ?? ['tcpdump', '-i', 'eth-client', ...(scene.tcpdump ?? []), 'tcp']
  const recorder = spawn(
    command[0]!,
    [
      ...(command[0] === 'tcpdump' ? ['-U', '--immediate-mode', '-B', '65536', '-Z', 'root'] : []),
      '-w',
      raw,
      ...command.slice(1),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  recorder.stderr.on('data', (text) => {
    said += text
  })
  const from = Date.now()
  while (!/listening on|File: /i.test(said)) {
    if (Date.now() - from > 5000) throw new Error(`${scene.name}: ${said}`)
    await sleep(20)
  }
  await sleep(150)
  const transactions = await scene.play(world)
  await sleep(250)
  recorder.kill('SIGINT')
  await once(recorder, 'exit')
  if (/[1-9]\d* packets? dropped by kernel/.test(said)) throw new Error(`${scene.name}: ${said}`)
  const bytes = readFileSync(raw)
  if (bytes.length > MAX_BYTES) throw new Error(`${scene.name} is ${bytes.length} bytes`)
  writeFileSync(join(OUT, file), bytes)
  write(scene.name, {
    file,
    shows: scene.shows,
    server: await scene.server(),
    client: await scene.client(),
    command: `${command.join(' ')} -w ${file}`,
    transactions,
    ...tsharkNotes(scene.name),
  })
  console.log(`${scene.name}: ${bytes.length} bytes, ${transactions.length} transactions`)
}

function tsharkNotes(name: string): Pick<CaptureNote, 'tshark' | 'tsharkLinks' | 'tsharkOptions'> {
  const known = TSHARK[name] ?? {}
  return {
    tshark: known.differences ?? [],
    ...(known.links === undefined ? {} : { tsharkLinks: known.links }),
    ...(known.options === undefined ? {} : { tsharkOptions: known.options }),
  }
}

function write(name: string, note: CaptureNote): void {
  const lines = note.transactions.map((line) => `    ${JSON.stringify(line)}`).join(',\n')
  const rest = JSON.stringify({ ...note, transactions: ['@'] }, null, 2)
  writeFileSync(join(OUT, `${name}.json`), `${rest.replace('    "@"', () => lines)}\n`)
}

await main(process.argv.slice(2))
