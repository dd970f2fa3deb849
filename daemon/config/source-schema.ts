import { isIP } from 'node:net'
import { z } from 'zod'
import { listenAddress, MAX_VNI, protocolOfPort, vniRange } from '../sources/tunnel-frame.ts'
import { brokers, sasl, tls, topicName } from './kafka-schema.ts'
import { addressBlock, wholeNumber } from './values.ts'

/** `sources[]`: where traffic and records come from, by kind. */

const pcapSource = z
  .strictObject({
    kind: z.literal('pcap'),
    interface: z.string().min(1).describe('Network interface to listen on; `any` listens on all.'),
    filter: z.string().default('').describe('BPF filter, as for tcpdump; empty: everything.'),
    ring_mib: wholeNumber(1, 4096).default(64).describe('Kernel ring buffer, in MiB.'),
    snap_length: wholeNumber(64, 262_144)
      .default(262_144)
      .describe('Bytes kept of each frame. Less than the default loses the ends of merged frames.'),
  })
  .describe('Live capture with the optional npm package pcap, in a child process of its own.')

const execSource = z
  .strictObject({
    kind: z.literal('exec'),
    command: z
      .array(z.string())
      .min(1)
      .describe(
        'Program and arguments, as a list. No shell reads it. It writes pcap or pcapng to its standard output.',
      ),
    name: z.string().min(1).optional().describe('Name of the source in records; default: the name of the program.'),
  })
  .describe('Frames from a program such as tcpdump or dumpcap.')

const udpTunnelSource = z
  .strictObject({
    kind: z.literal('udp-tunnel'),
    name: z.string().min(1).optional().describe('Name of the source in records; default: the address.'),
    listen: z
      .string()
      .refine(isListenAddress, { error: 'expected one address of this host and a port, such as 10.0.0.5:4789' })
      .describe('Address and port that the mirror sends to. 0.0.0.0 and [::] take every address of this host.'),
    protocol: z
      .enum(['vxlan', 'geneve'])
      .nullable()
      .default(null)
      .describe('What arrives. Null: by the port, 4789 and 8472 VXLAN, 6081 GENEVE.'),
    senders: z
      .array(addressBlock)
      .min(1)
      .max(256)
      .describe(
        'Who may send: the mirror’s addresses. What others send is counted as `tunnel.foreign` and left alone.',
      ),
    vnis: z
      .array(
        z.union([wholeNumber(0, MAX_VNI), z.string().refine(isVniRange, { error: 'expected a range like 100-199' })]),
      )
      .max(1024)
      .default([])
      .describe('Network identifiers that are taken, as numbers or ranges such as `100-199`; empty: all.'),
    buffer_mib: wholeNumber(1, 1024)
      .default(32)
      .describe('Receive buffer to ask the kernel for, in MiB; net.core.rmem_max bounds what it gives.'),
  })
  .refine(({ listen, protocol }) => protocol !== null || protocolOfPort(listenAddress(listen).port) !== null, {
    path: ['protocol'],
    error: 'the port does not say what arrives: set protocol to vxlan or geneve',
  })
  .describe('A cloud or switch mirror that arrives as VXLAN or GENEVE at an ordinary UDP socket. Needs no right.')

const kafkaSource = z
  .strictObject({
    kind: z.literal('kafka'),
    brokers,
    topics: z.array(topicName).min(1).max(64).describe('Topics to read.'),
    group_id: z
      .string()
      .min(1)
      .max(255)
      .default('offpath')
      .describe('Consumer group. Daemons of one group share the partitions.'),
    from: z.enum(['beginning', 'latest']).default('latest').describe('Where a group starts that has read nothing yet.'),
    session_seconds: wholeNumber(1, 300)
      .default(30)
      .describe('How long the group waits for a member that fell silent; after a kill, for the daemon’s last life.'),
    format: z
      .string()
      .min(1)
      .default('auto')
      .describe('What the records are: `native` (transactions as JSON), a gateway’s format, or `auto`.'),
    sasl,
    tls,
  })
  .describe('Transactions from Kafka topics: of Offpath sensors, or records of gateways.')

const fileSource = z
  .strictObject({
    kind: z.literal('file'),
    path: z.string().min(1).describe('Capture file (pcap, pcapng, also in gzip or zstd), or `-` for standard input.'),
  })
  .describe('Frames from a file, at full speed.')

export const sources = z
  .array(z.discriminatedUnion('kind', [pcapSource, execSource, udpTunnelSource, kafkaSource, fileSource]))
  .max(16)
  .default([])
  .describe('Where frames come from. `offpath run` needs at least one, here or on the command line.')

function isListenAddress(text: string): boolean {
  if (!/^(?:\[[0-9a-fA-F:.]{2,45}\]|[\d.]{7,15}):\d{1,5}$/.test(text)) return false
  const { address, port } = listenAddress(text)
  return isIP(address) === (text.startsWith('[') ? 6 : 4) && port >= 1 && port <= 65_535
}

function isVniRange(text: string): boolean {
  if (!/^\d{1,8}-\d{1,8}$/.test(text)) return false
  const [from, to] = vniRange(text)
  return from <= to && to <= MAX_VNI
}
