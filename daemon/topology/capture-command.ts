import { basename, join } from 'node:path'
import type { CaptureOrder, TunnelOrder } from '../sources/capture-report.ts'
import { listenAddress, protocolOfPort, type TunnelProtocol, vniRange } from '../sources/tunnel-frame.ts'
import { unprivilegedCommand } from './privileges.ts'

/** A live source of the configuration. */
export type CaptureSettings =
  | {
      readonly kind: 'pcap'
      readonly interface: string
      readonly filter: string
      readonly ring_mib: number
      readonly snap_length: number
    }
  | { readonly kind: 'exec'; readonly command: readonly string[]; readonly name?: string | undefined }
  | {
      readonly kind: 'udp-tunnel'
      readonly name?: string | undefined
      /** `address:port`, an IPv6 address in brackets. */
      readonly listen: string
      readonly protocol?: TunnelProtocol | null | undefined
      readonly senders: readonly string[]
      readonly vnis: readonly (number | string)[]
      readonly buffer_mib: number
    }

/** How long the kernel may gather packets: latency against wake-ups. */
const GATHER_MS = 25

/** What is started for a source, from a process that keeps its rights: its own command, or one of our children. */
export function commandOf(capture: CaptureSettings, childScript?: string): [command: string, args: string[]] {
  if (capture.kind === 'exec') return [capture.command[0] ?? '', capture.command.slice(1)]
  if (capture.kind === 'udp-tunnel') {
    const script = childScript ?? join(import.meta.dirname, 'tunnel-child.js')
    const [command, ...args] = [...unprivilegedCommand(), process.execPath, script, JSON.stringify(orderOf(capture))]
    return [command!, args]
  }
  const order: CaptureOrder = {
    interface: capture.interface,
    filter: capture.filter,
    snapLength: capture.snap_length,
    ringBytes: capture.ring_mib * 1024 * 1024,
    gatherMs: GATHER_MS,
  }
  const script = childScript ?? join(import.meta.dirname, 'capture-child.js')
  return [process.execPath, [script, JSON.stringify(order)]]
}

/** What a source is called in records and in status. */
export function captureName(capture: CaptureSettings): string {
  switch (capture.kind) {
    case 'pcap':
      return capture.interface
    case 'exec':
      return capture.name ?? basename(capture.command[0] ?? '')
    case 'udp-tunnel':
      return capture.name ?? capture.listen
  }
}

function orderOf(capture: Extract<CaptureSettings, { kind: 'udp-tunnel' }>): TunnelOrder {
  const { address, port } = listenAddress(capture.listen)
  return {
    address,
    port,
    protocol: capture.protocol ?? protocolOfPort(port) ?? 'vxlan',
    senders: capture.senders,
    vnis: capture.vnis.map(vniRange),
    bufferBytes: capture.buffer_mib * 1024 * 1024,
  }
}
