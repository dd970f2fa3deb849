import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { OffpathError } from '../telemetry/errors.ts'
import { counterDelta } from './capture-report.ts'
import type { CaptureWriter } from './capture-writer.ts'
import { socketDrops, socketInode } from './socket-drops.ts'
import { type TunnelProtocol, vniOf, wrapDatagram } from './tunnel-frame.ts'

export interface TunnelOptions {
  readonly address: string
  readonly port: number
  readonly protocol: TunnelProtocol
  /** Whether this sender is one of ours. */
  readonly admitsSender: (address: string) => boolean
  /** Whether this network identifier is one of ours; -1: the datagram has none. */
  readonly admitsVni: (vni: number) => boolean
  /** What to ask the kernel for, in bytes; it may give less. */
  readonly bufferBytes: number
}

/** Counted since the last time. */
export interface TunnelCounts {
  /** The kernel threw these away: the buffer was full. */
  readonly dropped: number
  /** From a sender or of a network that was not named; not looked at any further. */
  readonly foreign: number
}

/**
 * Datagrams of a mirror's tunnel, from an ordinary UDP socket: no right is needed, and nothing is ever sent. Each becomes
 * one record of the writer's capture, with the time at which this process took it.
 */
export class TunnelReceiver {
  readonly #options: TunnelOptions
  readonly #writer: CaptureWriter
  readonly #record: DataView
  readonly #socket: Socket
  readonly #family: 4 | 6
  /** Senders already judged, as numbers for the outer header; null: foreign. */
  readonly #senders = new Map<string, number | null>()
  #inode: string | null = null
  #drops = 0
  #foreign = 0
  #flushing = false
  #clockOffset = wallClock() - monotonic()

  constructor(options: TunnelOptions, writer: CaptureWriter) {
    this.#options = options
    this.#writer = writer
    this.#record = new DataView(writer.header.buffer, writer.header.byteOffset, writer.header.length)
    this.#family = options.address.includes(':') ? 6 : 4
    // One address family only: an IPv4 sender on an IPv6 socket would look like another network.
    this.#socket = createSocket(this.#family === 6 ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' })
    this.#socket.on('message', (datagram, sender) => this.#take(datagram, sender))
  }

  /** Port in use; for a test that asked for any. */
  get port(): number {
    return this.#socket.address().port
  }

  /** Starts to receive. Returns the bytes of buffer that the kernel gave. Rejects with what the operator can fix. */
  async open(): Promise<number> {
    const { address, port, bufferBytes } = this.#options
    const socket = this.#socket
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(address, port, cause)))
      socket.bind({ address, port, exclusive: true }, resolve)
    })
    // A receiver has nothing to hear of but the end, which comes as an error of the process.
    socket.removeAllListeners('error')
    socket.setRecvBufferSize(bufferBytes)
    const descriptor = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd
    this.#inode = descriptor === undefined || descriptor < 0 ? null : socketInode(descriptor)
    // Linux doubles what it was asked for, to have room for its own bookkeeping (socket(7), SO_RCVBUF).
    return socket.getRecvBufferSize() / 2
  }

  takeCounts(): TunnelCounts {
    const drops = this.#inode === null ? null : socketDrops(this.#inode, this.#family)
    const dropped = drops === null ? 0 : counterDelta(drops, this.#drops)
    if (drops !== null) this.#drops = drops
    const foreign = this.#foreign
    this.#foreign = 0
    this.#setClock()
    return { dropped, foreign }
  }

  close(): void {
    this.#socket.close()
    this.#writer.flush()
  }

  #take(datagram: Buffer, { address }: RemoteInfo): void {
    const { protocol, admitsVni } = this.#options
    const source = this.#senders.get(address) ?? this.#judge(address)
    if (source === null || !admitsVni(vniOf(protocol, datagram))) {
      this.#foreign++
      return
    }
    const length = wrapDatagram(protocol, source, datagram, this.#writer.packet)
    const time = monotonic() + this.#clockOffset
    const seconds = Math.floor(time / 1e6)
    // A pcap record header in this machine's byte order, as the writer's file header says.
    this.#record.setUint32(0, seconds, LITTLE)
    this.#record.setUint32(4, Math.floor(time - seconds * 1e6), LITTLE)
    this.#record.setUint32(8, length, LITTLE)
    this.#record.setUint32(12, length, LITTLE)
    this.#writer.take()
    if (this.#flushing) return
    this.#flushing = true
    // Once per turn of the loop, which hands over up to 32 datagrams.
    setImmediate(() => {
      this.#flushing = false
      this.#writer.flush()
    })
  }

  #judge(address: string): number | null {
    const source = this.#options.admitsSender(address) ? numberOf(address) : null
    // Anyone can make up senders; the oldest answer goes.
    if (this.#senders.size >= MAX_SENDERS) this.#senders.delete(this.#senders.keys().next().value!)
    this.#senders.set(address, source)
    return source
  }

  /** The monotone clock between, so that a small step of the host's clock does not turn packets around. */
  #setClock(): void {
    const offset = wallClock() - monotonic()
    if (Math.abs(offset - this.#clockOffset) > MAX_DRIFT_US) this.#clockOffset = offset
  }
}

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
const MAX_SENDERS = 4096
const MAX_DRIFT_US = 2000

const wallClock = (): number => Date.now() * 1000
const monotonic = (): number => performance.now() * 1000

function numberOf(address: string): number {
  if (address.includes(':')) return 0
  return address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
}

function cannotListen(address: string, port: number, cause: NodeJS.ErrnoException): OffpathError {
  const place = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  const [reason, remedy] =
    cause.code === 'EADDRINUSE'
      ? ['is in use', `Find out by whom: ss -lunp 'sport = :${port}'`]
      : cause.code === 'EADDRNOTAVAIL'
        ? ['is no address of this host', 'Name one of: ip -brief address']
        : cause.code === 'EACCES'
          ? ['may not be used', 'Take a port over 1023.']
          : [`cannot be used: ${cause.code ?? cause.message}`, 'See: ip -brief address']
  return new OffpathError('OFFPATH_E_LISTEN', `${place} ${reason}`, { at: place, remedy, cause })
}
