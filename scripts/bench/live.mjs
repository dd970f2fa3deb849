// How many packets a second `offpath run --pcap`, with all detectors on, takes from a veth pair without a drop, and how late the
// control process's loop is at twice that. tcpreplay sends the bench capture with addresses that differ each time round.
// Usage, as root: npm run bench -- live [--pps 100000] [--seconds 60] [--ring 256] [--highest] [--program dist/offpath.js] [--json]
// Exits 1 when a frame was dropped at --pps, or the sender did not reach it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { inside, LiveDaemon, unexplained, usageOf, Wire } from './live-daemon.mjs'

const { values } = parseArgs({
  options: {
    pps: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '60' },
    // MiB. It has to last for as long as the engine compiles, and for each collection of its heap.
    ring: { type: 'string', default: '256' },
    highest: { type: 'boolean', default: false },
    pairs: { type: 'string', default: '200000' },
    program: { type: 'string', default: join(import.meta.dirname, '../../dist/offpath.js') },
    json: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const capture = join('.cache', 'bench', `mix-${values.pairs}.pcap`)
if (!existsSync(capture))
  throw new Error(`${capture} is not there: npm run bench -- --write-only --pairs ${values.pairs}`)
const { packets } = JSON.parse(readFileSync(capture.replace('.pcap', '.json'), 'utf8'))
/** A rate this much below the one asked for is another rate. */
const SENDER_MISSED = 0.97
const STEP = 1.25
const STEP_SECONDS = 10
const MOST_STEPS = 8

/** One rate for some seconds, with a daemon of its own. */
async function offer(pps, seconds) {
  const wire = new Wire()
  const daemon = new LiveDaemon(values.program, wire.near, { ringMib: Number(values.ring) })
  try {
    await daemon.ready
    await daemon.loopLagMs()
    const before = (await daemon.status()).funnel.frames.in
    const sender = await send(wire.far, pps, seconds)
    const lag = await daemon.loopLagMs()
    const { processes, funnel } = await daemon.drained()
    const usage = Object.fromEntries(processes.map(({ name, pid }) => [name.split(' ')[0], usageOf(pid)]))
    const { kernel = 0, interface: byInterface = 0, shed = 0 } = funnel.frames.dropped
    return {
      asked: pps,
      sent: sender.packets,
      sentPps: sender.packets / sender.seconds,
      seconds: sender.seconds,
      arrived: funnel.frames.in - before,
      dropped: kernel + byInterface + shed,
      // Bytes and messages of open connections are still under way.
      unexplained: unexplained(funnel).filter((stage) => stage.startsWith('frames')),
      pairs: funnel.pairs.delivered,
      lag,
      usage,
      load: loadavg()[0],
    }
  } finally {
    await daemon.stop()
    wire.remove()
  }
}

async function send(end, pps, seconds) {
  const loops = Math.ceil((pps * seconds) / packets)
  const limit = Math.round(pps * seconds)
  const [command, args] = inside(end, [
    'tcpreplay',
    '--quiet',
    '--preload-pcap',
    '--no-flow-stats',
    '--unique-ip',
    `--intf1=${end.device}`,
    `--pps=${pps}`,
    `--loop=${loops}`,
    `--limit=${limit}`,
    capture,
  ])
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (part) => {
      said += part
    })
  }
  const [code] = await once(child, 'close')
  const found = /Actual: (\d+) packets \((\d+) bytes\) sent in ([\d.]+) seconds/.exec(said)
  if (code !== 0 || found === null) throw new Error(`tcpreplay: ${said}`)
  return { packets: Number(found[1]), seconds: Number(found[3]) }
}

function tell(run) {
  if (values.json) return
  const share = ((100 * run.dropped) / Math.max(1, run.sent)).toFixed(3)
  const cpu = Object.entries(run.usage).map(([name, { cpuSeconds, rssMb }]) => {
    return `${name} ${((100 * cpuSeconds) / run.seconds).toFixed(0)} % ${rssMb.toFixed(0)} MB`
  })
  console.log(
    `${Math.round(run.sentPps)} packets/s for ${run.seconds.toFixed(0)} s (asked ${run.asked}): ${run.sent} sent, ${run.arrived} seen, ` +
      `${run.dropped} dropped (${share} %), ${run.pairs} pairs; control's loop late p99.9 ${run.lag['0.999']?.toFixed(0)} ms, ` +
      `max ${run.lag['1']?.toFixed(0)} ms; ${cpu.join(', ')}; load ${run.load.toFixed(1)}` +
      (run.unexplained.length > 0 ? `; UNEXPLAINED ${run.unexplained.join(', ')}` : ''),
  )
}

const atGoal = await offer(Number(values.pps), Number(values.seconds))
tell(atGoal)
const clean = (run) => run.dropped === 0 && run.arrived >= run.sent && run.unexplained.length === 0
let highest = clean(atGoal) ? atGoal : null
let overload = null
if (values.highest) {
  for (let i = 0, pps = Number(values.pps) * (highest === null ? 1 / STEP : STEP); i < MOST_STEPS; i++) {
    const run = await offer(Math.round(pps), STEP_SECONDS)
    tell(run)
    if (highest === null || clean(run)) {
      if (clean(run)) highest = run
      // Upwards until something is lost or the sender can do no more; downwards until nothing is.
      if (Number(values.pps) > pps && clean(run)) break
      if (run.sentPps < SENDER_MISSED * pps) break
      pps *= pps < Number(values.pps) ? 1 / STEP : STEP
    } else break
  }
  overload = await offer(Math.round(2 * (highest ?? atGoal).sentPps), STEP_SECONDS)
  tell(overload)
}
if (values.json) console.log(JSON.stringify({ atGoal, highest, overload }))
process.exitCode = clean(atGoal) && atGoal.sentPps >= SENDER_MISSED * Number(values.pps) ? 0 : 1
