import { createRequire } from 'node:module'
import { OffpathError } from '../telemetry/errors.ts'

/**
 * The part of the native binding of the npm package `pcap` that Offpath uses. Its JavaScript wrapper is left out: it
 * makes an object and an event per packet, and keeps `inject` within reach.
 */
export interface PcapBinding {
  readonly PcapSession: new () => PcapSession
  findalldevs(): readonly { readonly name: string }[]
}

export interface PcapSession {
  /** Called whenever packets may be waiting. */
  read_callback?: () => void
  /** Opens a device and returns the text of its link type; throws what libpcap says. */
  open_live(
    device: string,
    filter: string,
    bufferBytes: number,
    snapLength: number,
    outputFile: string,
    packetReady: () => void,
    monitor: boolean,
    bufferTimeoutMs: number,
    warning: (text: string) => void,
    promiscuous: boolean,
  ): string
  /**
   * Copies each waiting packet into `packet`, its 16-byte record header into `header`, and calls `packetReady` before
   * the next. Returns only when no packet waits, so on a busy wire perhaps never; negative when the device failed.
   */
  dispatch(packet: Buffer, header: Buffer): number
  start_polling(): void
  /** Cumulative, 32 bits, wrapping. */
  stats(): { readonly ps_recv: number; readonly ps_drop: number; readonly ps_ifdrop: number }
}

/**
 * Loads the binding and takes `inject` off it, before anything is opened: in this process no value exists any more
 * through which a packet could be sent, whatever the traffic makes the code do. `open_offline` and `close` (which hangs
 * until the next packet) go with it.
 */
export function loadBinding(): PcapBinding {
  let binding: PcapBinding
  try {
    binding = createRequire(import.meta.url)('pcap/build/Release/pcap_binding.node') as PcapBinding
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_PCAP_MISSING', 'the optional package pcap is not installed, or was not built', {
      remedy: `${bindingRemedy()} (no compiler? use an exec source: --exec -- dumpcap -q -i IFACE -w -)`,
      cause,
    })
  }
  const prototype = binding.PcapSession.prototype as Record<string, unknown>
  for (const name of ['inject', 'open_offline', 'close']) delete prototype[name]
  if ('inject' in prototype) throw new Error('the binding would not let go of inject')
  return binding
}

/**
 * The commands that install and build the binding. In a checkout, package.json allows its install script, and npm refuses
 * the flag; for a global installation the flag is the only way to say so.
 */
export function bindingRemedy(folder: string = import.meta.dirname): string {
  const npm = isInstalled(folder) ? 'npm install -g offpath --allow-scripts=pcap' : 'npm ci'
  return `apt-get install -y libpcap-dev g++ make python3 && ${npm}`
}

/** The same for a binding that is there and was built for another Node. */
export function rebuildRemedy(folder: string = import.meta.dirname): string {
  return isInstalled(folder) ? 'npm rebuild -g pcap --allow-scripts=pcap' : 'npm rebuild pcap'
}

function isInstalled(folder: string): boolean {
  return /[\\/]node_modules[\\/]/.test(folder)
}

/** The LINKTYPE_ value of what `open_live` returned. */
export function linkTypeOf(text: string, device: string): number {
  const named = NAMED[text]
  if (named !== undefined) return named
  // Others come back as `Unknown linktype N`; from 104 on, DLT_ and LINKTYPE_ values are the same.
  const value = Number(/^Unknown linktype (\d{1,5})$/.exec(text)?.[1] ?? Number.NaN)
  if (DECODED.has(value)) return value
  throw new OffpathError('OFFPATH_E_LINK_TYPE', `${device} delivers frames that are not decoded (${text})`, {
    at: device,
    remedy: 'Capture on an Ethernet, loopback or tunnel interface, or on `any`.',
  })
}

const NAMED: Readonly<Record<string, number>> = {
  LINKTYPE_NULL: 0,
  LINKTYPE_ETHERNET: 1,
  LINKTYPE_RAW: 101,
  LINKTYPE_LINUX_SLL: 113,
}
/** OpenBSD loopback, raw IPv4, raw IPv6, Linux cooked v2. */
const DECODED: ReadonlySet<number> = new Set([108, 228, 229, 276])
