// Watches real traffic for a stated time: nginx in one network namespace, ab and curl in another, `offpath run --pcap` with all
// detectors on the wire between them. `node scripts/soak.mjs --minutes N [--store none|embedded]`, as root; needs nginx,
// apache2-utils, curl, iproute2 and `npm run build` before. Exit 1 when memory is not flat, a frame was dropped, the funnel does
// not add up, or not every exchange was seen.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { inside, LiveDaemon, unexplained, usageOf, Wire } from './bench/live-daemon.mjs'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    store: { type: 'string', default: 'none' },
    program: { type: 'string', default: join(import.meta.dirname, '../dist/offpath.js') },
  },
})
const minutes = Number(values.minutes)
const SAMPLE_MS = 2000
/** Of the time: what start-up and the first baselines take is no leak. */
const WARM_UP = 0.3
/** How much the straight line through the samples may rise from its start to its end. */
const MOST_RISE = 0.05
const MOST_RISE_MB = 15
const PORT = 8080

const folder = mkdtempSync(join(tmpdir(), 'offpath-soak-'))
chmodSync(folder, 0o755)
mkdirSync(join(folder, 'www'))
writeFileSync(join(folder, 'www', 'large.json'), JSON.stringify(Array.from({ length: 4000 }, (_, id) => ({ id }))))
writeFileSync(join(folder, 'upload'), 'x'.repeat(5000))
writeFileSync(
  join(folder, 'nginx.conf'),
  `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi; keepalive_requests 500;
  server {
    listen ${PORT};
    default_type application/json;
    location /v1/orders { return 200 '{"id":1,"state":"open","total":12.5}'; }
    location /v1/login { return 401 '{"error":"no"}'; }
    location /large { alias ${folder}/www/large.json; gzip on; gzip_types application/json; }
    location / { return 404 '{}'; }
  }
}
`,
)

const wire = new Wire()
const { near, far } = wire
const base = `http://${far.address}:${PORT}`

function start(end, command) {
  const [program, args] = inside(end, command)
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** How many exchanges a command of clients made. */
async function clients(command, exchanges) {
  const child = start(near, command)
  let said = ''
  child.stdout.on('data', (part) => {
    said += part
  })
  child.stderr.resume()
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command.join(' ')}: exit ${code}\n${said.slice(-2000)}`)
  return exchanges(said)
}

const complete = (said) => Number(/Complete requests:\s+(\d+)/.exec(said)?.[1] ?? Number.NaN)
let round = 0
/** What users, robots and the curious do, one after the other. */
async function someTraffic() {
  const number = round++
  const urls = Array.from({ length: 20 }, (_, i) => `${base}/v1/orders/${(number * 20 + i) % 5000}`)
  const token = ['-H', `authorization: Bearer user-${number % 300}`]
  return [
    await clients(
      ['ab', '-q', '-k', '-c', '10', '-n', '1500', '-H', `X-Api-Key: k${number % 7}`, `${base}/v1/orders`],
      complete,
    ),
    await clients(['ab', '-q', '-c', '5', '-n', '200', `${base}/v1/orders/${number % 900}`], complete),
    await clients(['ab', '-q', '-k', '-c', '4', '-n', '40', '-H', 'Accept-Encoding: gzip', `${base}/large`], complete),
    await clients(
      [
        'curl',
        '-s',
        '-o',
        '/dev/null',
        ...token,
        ...urls.flatMap((url, i) => (i === 0 ? [url] : ['-o', '/dev/null', url])),
      ],
      () => urls.length,
    ),
    await clients(['curl', '-s', '-I', `${base}/v1/orders`], () => 1),
    await clients(
      ['curl', '-s', '-H', 'expect: 100-continue', '--data-binary', `@${join(folder, 'upload')}`, `${base}/v1/orders`],
      () => 1,
    ),
    await clients(['curl', '-s', '-d', `username=u${number % 50}&password=wrong`, `${base}/v1/login`], () => 1),
    await clients(['curl', '-s', `${base}/no/such/${number}`], () => 1),
  ].reduce((sum, count) => sum + count, 0)
}

/** Least squares: how much the line rises over all samples, and where it begins. */
function line(samples) {
  const n = samples.length
  const meanX = (n - 1) / 2
  const meanY = samples.reduce((sum, y) => sum + y, 0) / n
  let above = 0
  let below = 0
  samples.forEach((y, x) => {
    above += (x - meanX) * (y - meanY)
    below += (x - meanX) ** 2
  })
  const slope = above / below
  return { rise: slope * (n - 1), start: meanY - slope * meanX, mean: meanY }
}

const nginx = start(far, ['nginx', '-c', join(folder, 'nginx.conf')])
const daemon = new LiveDaemon(values.program, near, { store: values.store })
const samples = new Map()
const wrong = []
try {
  await daemon.ready
  await daemon.loopLagMs()
  const untilMs = performance.now() + minutes * 60_000
  let sampling = true
  const sampler = (async () => {
    while (sampling) {
      for (const { name, pid } of (await daemon.status()).processes) {
        if (!samples.has(name)) samples.set(name, [])
        samples.get(name).push(usageOf(pid).rssMb)
      }
      await sleep(SAMPLE_MS)
    }
  })()
  let exchanges = 0
  while (performance.now() < untilMs) exchanges += await someTraffic()
  sampling = false
  await sampler
  const lag = await daemon.loopLagMs()
  const { funnel, incidents } = await daemon.drained()
  console.log(
    `${minutes} minutes, ${round} rounds, ${exchanges} exchanges, ${funnel.frames.in} frames, ${incidents.open} incidents open`,
  )
  console.log(`control's loop late p99.9 ${lag['0.999'].toFixed(0)} ms, max ${lag['1'].toFixed(0)} ms`)
  for (const stage of ['frames', 'bytes', 'messages', 'pairs'])
    console.log(stage.padEnd(9), JSON.stringify(funnel[stage]))
  wrong.push(...unexplained(funnel).map((stage) => `unexplained ${stage}`))
  const { kernel = 0, interface: byInterface = 0, shed = 0 } = funnel.frames.dropped
  if (kernel + byInterface + shed > 0) wrong.push(`${kernel + byInterface + shed} frames dropped`)
  if (funnel.pairs.delivered !== exchanges) wrong.push(`${funnel.pairs.delivered} pairs of ${exchanges} exchanges`)
  for (const [name, all] of samples) {
    const settled = all.slice(Math.floor(all.length * WARM_UP))
    const { rise, start: from, mean } = line(settled)
    const most = Math.max(...all).toFixed(0)
    console.log(
      `${name.padEnd(14)} RSS ${mean.toFixed(0)} MB, most ${most}; rises ${rise.toFixed(1)} MB in ${((settled.length * SAMPLE_MS) / 60_000).toFixed(1)} min`,
    )
    if (rise > Math.max(MOST_RISE_MB, MOST_RISE * from)) wrong.push(`${name} grows`)
  }
} finally {
  await daemon.stop()
  nginx.kill('SIGTERM')
  await once(nginx, 'exit')
  wire.remove()
  rmSync(folder, { recursive: true, force: true })
}
if (wrong.length > 0) console.log(`not as it should be: ${wrong.join('; ')}`)
process.exitCode = wrong.length > 0 ? 1 : 0
