import { readFileSync, writeSync } from 'node:fs'
import { CidrSet } from '../decode/cidr-set.ts'
import type { CaptureReport, TunnelOrder } from '../sources/capture-report.ts'
import { CaptureWriter } from '../sources/capture-writer.ts'
import { capabilitiesOf, relinquish, unprivilegedUser } from '../sources/relinquish.ts'
import { MAX_OUTER_PACKET, RAW_IP } from '../sources/tunnel-frame.ts'
import { TunnelReceiver } from '../sources/tunnel-receiver.ts'
import { OffpathError } from '../telemetry/errors.ts'

/**
 * Entry of the tunnel child: receives the datagrams of a mirror and writes them to standard output as a pcap file, as
 * the capture child does with packets. A process of its own and no part of the engine, because a datagram waits only in
 * the socket's buffer: whoever empties it must not be busy with anything else. Standard input is a lifeline.
 */
async function main(): Promise<void> {
  const order = JSON.parse(process.argv[2] ?? '') as TunnelOrder
  const writer = new CaptureWriter(MAX_OUTER_PACKET, (bytes, from, to) => writeSync(1, bytes, from, to - from))
  const senders = new CidrSet(order.senders)
  const receiver = new TunnelReceiver(
    {
      ...order,
      admitsSender: (address) => senders.has(address),
      admitsVni: (vni) => order.vnis.length === 0 || order.vnis.some(([from, to]) => vni >= from && vni <= to),
    },
    writer,
  )
  const given = await receiver.open()
  giveUpRights()
  writer.begin(RAW_IP)
  report({ kind: 'ready', linkType: RAW_IP })
  if (given < order.bufferBytes) report({ kind: 'warning', message: smallBuffer(given, order.bufferBytes) })

  const meter = () => {
    const { dropped, foreign } = receiver.takeCounts()
    const { delivered, cut } = writer.takeCounts()
    report({
      kind: 'stats',
      received: delivered + dropped,
      kernelDrops: dropped,
      interfaceDrops: 0,
      delivered,
      cut,
      foreign,
    })
  }
  setInterval(meter, 1000)
  const finish = () => {
    receiver.close()
    meter()
    process.exit(0)
  }
  process.on('SIGTERM', finish)
  process.stdin.on('close', finish)
  process.stdin.resume()
}

/** None is needed. A plain user has none; control starts this process without ambient ones. */
function giveUpRights(): void {
  if (process.geteuid?.() === 0 || (capabilitiesOf('self')?.permitted ?? 0n) !== 0n) relinquish(unprivilegedUser())
}

function smallBuffer(given: number, wanted: number): string {
  let most = ''
  try {
    most = ` (net.core.rmem_max is ${readFileSync('/proc/sys/net/core/rmem_max', 'utf8').trim()})`
  } catch {
    // Not Linux, or closed; the remedy holds all the same.
  }
  return (
    `the kernel gives a receive buffer of ${given} bytes, not ${wanted}${most}: bursts may be dropped. ` +
    `As root: sysctl -w net.core.rmem_max=${wanted}`
  )
}

function report(message: CaptureReport): void {
  try {
    writeSync(2, `${JSON.stringify(message)}\n`)
  } catch {
    // Nobody listens any more; the lifeline ends this process.
  }
}

function fail(error: unknown): never {
  const known = error instanceof OffpathError
  report({
    kind: 'failed',
    code: known ? error.code : 'OFFPATH_E_CAPTURE_DIED',
    message: error instanceof Error ? error.message : String(error),
    ...(known && error.remedy !== undefined ? { remedy: error.remedy } : {}),
  })
  process.exit(1)
}

process.on('uncaughtException', fail)
main().catch(fail)
