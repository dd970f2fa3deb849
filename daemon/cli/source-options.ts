import type { Command } from 'commander'
import type { Role } from '../topology/role.ts'
import { usageError } from './failure.ts'

/** Flags that name sources, shared by the commands that show or use a configuration. */
export interface SourceFlags {
  readonly pcap?: string[]
  readonly filter?: string
  readonly file?: string[]
  readonly tunnel?: string[]
  readonly tunnelFrom?: string[]
  readonly kafka?: string
  readonly topic?: string[]
  readonly format?: string
  readonly group?: string
  readonly from?: string
  readonly exec?: boolean
}

export function addSourceOptions(command: Command): Command {
  return command
    .argument('[command...]', 'program and arguments of --exec, after --')
    .option('--pcap <interface>', 'capture on this interface; may be repeated; - reads standard input', collect)
    .option('--filter <bpf>', 'BPF filter of --pcap')
    .option(
      '--tunnel <address:port>',
      'receive a mirror’s VXLAN or GENEVE here, without any right; may be repeated',
      collect,
    )
    .option('--tunnel-from <network>', 'who may send to --tunnel, as 10.0.0.0/8; may be repeated', collect)
    .option('--file <path>', 'read this capture file; may be repeated; - reads standard input', collect)
    .option('--kafka <brokers>', 'read a Kafka topic, or publish to it as a sensor; brokers as host:port,host:port')
    .option('--topic <name>', 'topic of --kafka; may be repeated', collect)
    .option('--format <name>', 'what the records of --kafka are; default: auto')
    .option('--group <id>', 'consumer group of --kafka; default: offpath')
    .option('--from <where>', 'beginning or latest: where a new group of --kafka starts; default: latest')
    .option('--exec', 'run the program after -- and read the capture it writes; no shell is involved')
}

/** The `sources` the flags name, replacing those of the file, or nothing when no flag names one. */
export function sourceSettings(flags: SourceFlags, command: readonly string[], role?: Role): Record<string, unknown> {
  if (flags.exec === true && command.length === 0) {
    throw usageError('--exec needs a program', 'offpath run --exec -- tcpdump -i eth0 -U -w -')
  }
  if (flags.exec !== true && command.length > 0) {
    throw usageError(`unexpected argument '${command[0]}'`, 'a program to read from needs --exec, then -- before it')
  }
  const interfaces = flags.pcap?.filter((name) => name !== '-') ?? []
  if (flags.filter !== undefined && interfaces.length === 0) {
    throw usageError('--filter needs --pcap', 'offpath run --pcap eth0 --filter "tcp port 80"')
  }
  const tunnels = flags.tunnel ?? []
  if (tunnels.length > 0 !== (flags.tunnelFrom ?? []).length > 0) {
    throw usageError(
      tunnels.length > 0 ? '--tunnel needs --tunnel-from: who may send' : '--tunnel-from needs --tunnel',
      'offpath run --tunnel 10.0.0.5:4789 --tunnel-from 10.0.0.0/8',
    )
  }
  const publish = role === 'sensor' ? sinkSettings(flags) : {}
  const topics = role === 'sensor' ? [] : kafkaSettings(flags)
  const files = [...(flags.file ?? []), ...(flags.pcap?.includes('-') === true ? ['-'] : [])]
  const sources = [
    ...interfaces.map((name) => ({
      kind: 'pcap',
      interface: name,
      ...(flags.filter === undefined ? {} : { filter: flags.filter }),
    })),
    ...tunnels.map((listen) => ({ kind: 'udp-tunnel', listen, senders: flags.tunnelFrom })),
    ...topics,
    ...files.map((path) => ({ kind: 'file', path })),
    ...(flags.exec === true ? [{ kind: 'exec', command: [...command] }] : []),
  ]
  return { ...(sources.length === 0 ? {} : { sources }), ...publish }
}

/** A sensor publishes to the topic that others read from. */
function sinkSettings({ kafka, topic, format, group, from }: SourceFlags): Record<string, unknown> {
  const example = 'offpath run --role sensor --pcap eth0 --kafka broker:9092 --topic transactions'
  const [stray] = Object.entries({ format, group, from }).find(([, value]) => value !== undefined) ?? []
  if (stray !== undefined) throw usageError(`--${stray} is for those who read a topic`, example)
  if ((kafka === undefined) !== (topic === undefined)) throw usageError('--kafka and --topic go together', example)
  if (kafka === undefined || topic === undefined) return {}
  if (topic.length > 1) throw usageError('a sensor publishes to one topic', example)
  return { sinks: { kafka: { brokers: kafka.split(','), topic: topic[0] } } }
}

function kafkaSettings({ kafka, topic: topics, format, group, from }: SourceFlags): Record<string, unknown>[] {
  if (kafka === undefined) {
    const [stray] =
      Object.entries({ topic: topics, format, group, from }).find(([, value]) => value !== undefined) ?? []
    if (stray === undefined) return []
    throw usageError(`--${stray} needs --kafka`, 'offpath run --kafka broker:9092 --topic api')
  }
  if (topics === undefined) throw usageError('--kafka needs --topic', 'offpath run --kafka broker:9092 --topic api')
  const given = { format, group_id: group, from }
  const settings = Object.entries(given).filter(([, value]) => value !== undefined)
  return [{ kind: 'kafka', brokers: kafka.split(','), topics, ...Object.fromEntries(settings) }]
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}
