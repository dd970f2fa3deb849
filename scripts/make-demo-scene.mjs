// Records the scene that the demo replays where it may not capture: plays it for real on loopback and keeps what tcpdump sees.
// node scripts/make-demo-scene.mjs [FOLDER] [SEED]; needs tcpdump and the right to use it. Not deterministic: it is a recording.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = process.argv[2] ?? join(root, 'demo')
const seed = process.argv[3] ?? '1'
const lengthMs = 24_000

const bundled = await build({
  stdin: {
    contents: `export { createWorld } from './demo/world.ts'
      export { plantAttacks } from './demo/attacks.ts'
      export { SampleApi, serveSampleApi } from './demo/sample-api.ts'
      export { playScene } from './demo/live.ts'`,
    resolveDir: root,
  },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  write: false,
})
const { createWorld, plantAttacks, SampleApi, serveSampleApi, playScene } = await import(
  `data:text/javascript;base64,${Buffer.from(bundled.outputFiles[0].text).toString('base64')}`
)

// As root tcpdump would become another user, who may not write here.
const keepUser = process.getuid() === 0 ? ['-Z', 'root'] : []
const temporary = await mkdtemp(join(tmpdir(), 'offpath-scene-'))
const raw = join(temporary, 'scene.pcap')
const world = createWorld(seed)
const api = await serveSampleApi(new SampleApi(world))
const tcpdump = spawn('tcpdump', ['-i', 'lo', '-s', '0', '-U', ...keepUser, '-w', raw, `tcp port ${api.port}`], {
  stdio: ['ignore', 'ignore', 'pipe'],
})
await new Promise((resolve, reject) => {
  let said = ''
  tcpdump.stderr.on('data', (chunk) => {
    said += chunk
    if (said.includes('listening on')) resolve()
  })
  tcpdump.on('exit', () => reject(new Error(said)))
})

const attacks = plantAttacks(world)
const stop = new AbortController().signal
const report = await playScene({ world, port: api.port, attacks, lengthMs, stop })
// tcpdump gets packets a block at a time, up to a second late.
await new Promise((resolve) => setTimeout(resolve, 1_500))
tcpdump.kill('SIGINT')
await once(tcpdump, 'exit')
await api.close()

const scene = {
  seed,
  startedMs: report.startedMs,
  endedMs: report.endedMs,
  port: api.port,
  requests: report.requests,
  callers: report.callers,
  addresses: report.addresses,
  attacks: report.attacks.map(({ attack, firstMs, lastMs, requests }) => ({
    name: attack.name,
    firstMs,
    lastMs,
    requests,
  })),
}
const packed = gzipSync(await readFile(raw), { level: 9 })
await writeFile(join(folder, 'scene.pcap.gz'), packed)
await writeFile(join(folder, 'scene.json.gz'), gzipSync(JSON.stringify(scene)))
await rm(temporary, { recursive: true })
console.log(`${folder}/scene.pcap.gz: ${scene.requests} requests, ${packed.length} bytes`)
