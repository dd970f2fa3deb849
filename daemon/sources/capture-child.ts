import { readFileSync, writeSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { OffpathError } from '../telemetry/errors.ts'
import { linkTypeOf, loadBinding, type PcapSession } from './capture-binding.ts'
import { type CaptureOrder, type CaptureReport, counterDelta } from './capture-report.ts'
import { CaptureWriter } from './capture-writer.ts'
import { canRelinquish, relinquish, unprivilegedUser } from './relinquish.ts'

/**
 * Entry of the capture child, the only process that loads npm `pcap` and the only one that needs a right: opens the
 * interface, gives up user, groups and every capability, and only then reads. What it reads goes to standard output as a
 * pcap file, by synchronous writes, because the binding's dispatch may not return while packets wait and a stream would
 * never flush. For the same reason reports are written synchronously, to standard error.
 *
 * It ends by exiting, never by closing the session, which would hang on an idle wire. Standard input is a lifeline: when
 * it ends, so has the supervisor.
 */
function main(): void {
  const order = JSON.parse(process.argv[2] ?? '') as CaptureOrder
  const { session, linkType, writer } = openCapture(order)
  relinquish(unprivilegedUser())
  writer.begin(linkType)
  report({ kind: 'ready', linkType })

  const meter = new Meter(session, writer)
  writer.onSecond = () => meter.report()
  const finish = () => {
    writer.flush()
    meter.report()
    process.exit(0)
  }
  process.on('SIGTERM', finish)
  process.stdin.on('close', finish)
  process.stdin.resume()

  const header = writer.header
  const packet = writer.packet
  const read = () => {
    const result = session.dispatch(packet, header)
    writer.flush()
    if (result < 0) {
      meter.report()
      fail(
        new OffpathError('OFFPATH_E_NO_INTERFACE', `interface ${order.interface} went away`, { at: order.interface }),
      )
    }
  }
  session.read_callback = read
  setInterval(() => {
    // An interface taken down ends libuv's polling for good, without a word, though it may come up again: end, and let
    // the supervisor wait for it. Reading here too covers one that was down for less than the time between two looks.
    if (isDown(order.interface)) fail(interfaceDown(order.interface))
    read()
    meter.report()
  }, 1000)
  session.start_polling()
  // Packets that arrived before polling started wake nobody.
  setImmediate(read)
}

/** False also for what has no flags to read: the pseudo-device `any`, or no /sys. */
function isDown(device: string): boolean {
  try {
    return (Number(readFileSync(`/sys/class/net/${device}/flags`, 'utf8')) & IFF_UP) === 0
  } catch {
    return false
  }
}

const IFF_UP = 1

function interfaceDown(device: string): OffpathError {
  return new OffpathError('OFFPATH_E_NO_INTERFACE', `interface ${device} is down`, {
    at: device,
    remedy: `ip link set ${device} up`,
  })
}

interface OpenCapture {
  readonly session: PcapSession
  readonly linkType: number
  readonly writer: CaptureWriter
}

function openCapture(order: CaptureOrder): OpenCapture {
  const device = order.interface
  const binding = loadBinding()
  if (!canRelinquish()) throw keepsCapabilities(device)
  const session = new binding.PcapSession()
  const writer = new CaptureWriter(order.snapLength, (bytes, from, to) => writeSync(1, bytes, from, to - from))
  try {
    const text = session.open_live(
      device,
      order.filter,
      Math.min(order.ringBytes, MAX_RING),
      order.snapLength,
      '',
      () => writer.take(),
      false,
      order.gatherMs,
      // Only ever says that the interface has no IPv4 address, which matters to no filter of ours.
      () => undefined,
      // libpcap refuses promiscuous mode on the pseudo-device.
      device !== 'any',
    )
    return { session, linkType: linkTypeOf(text, device), writer }
  } catch (error) {
    throw explain(error, order)
  }
}

/** Turns libpcap's sentences into ours. They are stable: libpcap's own tools match on them. */
function explain(error: unknown, order: CaptureOrder): unknown {
  if (error instanceof OffpathError) return error
  const said = error instanceof Error ? error.message : String(error)
  const { interface: device, filter } = order
  if (/permi/i.test(said)) {
    return new OffpathError('OFFPATH_E_NO_PRIVILEGE', `may not capture on ${device}: ${said}`, {
      at: device,
      remedy:
        'Start Offpath as root (it gives root up), or use an exec source with a dumpcap that has the right: ' +
        `setcap cap_net_raw+ep $(which dumpcap) && offpath run --exec -- dumpcap -q -i ${device} -w -`,
      cause: error,
    })
  }
  if (/no such device|doesn't exist|not up|disappeared/i.test(said)) {
    const known = Object.keys(networkInterfaces()).join(', ')
    return new OffpathError('OFFPATH_E_NO_INTERFACE', `cannot capture on ${device}: ${said}`, {
      at: device,
      remedy: `Interfaces here: ${interfaceNames() || known}; any = all of them.`,
      cause: error,
    })
  }
  if (filter !== '') {
    return new OffpathError('OFFPATH_E_BAD_FILTER', `the filter "${filter}" does not compile: ${said}`, {
      at: device,
      remedy: 'See pcap-filter(7); for example: tcp port 80 or tcp port 8080',
      cause: error,
    })
  }
  return error
}

/** All interfaces; the one from os leaves out those without an address, such as a mirror port. */
function interfaceNames(): string {
  try {
    return [...readFileSync('/proc/net/dev', 'utf8').matchAll(/^ *([^\s:]{1,64}):/gm)].map((row) => row[1]).join(', ')
  } catch {
    return ''
  }
}

function keepsCapabilities(device: string): OffpathError {
  return new OffpathError('OFFPATH_E_NO_PRIVILEGE', 'this process could not give up its capabilities while it reads', {
    at: device,
    remedy:
      `Use dumpcap, which can: offpath run --exec -- dumpcap -q -i ${device} -w -; ` +
      'or start as root; or add cap_setuid to the ambient capabilities.',
  })
}

/** Reports what was counted since the last time. */
class Meter {
  readonly #session: PcapSession
  readonly #writer: CaptureWriter
  #received = 0
  #dropped = 0
  #interfaceDropped = 0

  constructor(session: PcapSession, writer: CaptureWriter) {
    this.#session = session
    this.#writer = writer
  }

  report(): void {
    const { ps_recv, ps_drop, ps_ifdrop } = this.#session.stats()
    const { delivered, cut } = this.#writer.takeCounts()
    report({
      kind: 'stats',
      received: counterDelta(ps_recv, this.#received),
      kernelDrops: counterDelta(ps_drop, this.#dropped),
      interfaceDrops: counterDelta(ps_ifdrop, this.#interfaceDropped),
      delivered,
      cut,
    })
    this.#received = ps_recv
    this.#dropped = ps_drop
    this.#interfaceDropped = ps_ifdrop
  }
}

/** The binding takes a signed 32-bit number. */
const MAX_RING = 2 ** 31 - 1

function report(message: CaptureReport): void {
  try {
    writeSync(2, `${JSON.stringify(message)}\n`)
  } catch {
    // Nobody listens any more; the lifeline ends this process.
  }
}

function fail(error: unknown): never {
  const known = error instanceof OffpathError
  const message = error instanceof Error ? error.message : String(error)
  const remedy = known ? error.remedy : undefined
  report({
    kind: 'failed',
    code: known ? error.code : 'OFFPATH_E_CAPTURE_DIED',
    message,
    ...(remedy === undefined ? {} : { remedy }),
  })
  process.exit(1)
}

process.on('uncaughtException', fail)
try {
  main()
} catch (error) {
  fail(error)
}
