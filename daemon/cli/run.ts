import { type Command, Option } from 'commander'
import pc from 'picocolors'
import { escapeTerminal } from '../../sinks/escape.ts'
import { encodeIncident } from '../../sinks/incident-json.ts'
import { publishHints } from '../../sinks/kafka/publish-hints.ts'
import { lossHints } from '../../sinks/loss-hints.ts'
import { renderLossTable } from '../../sinks/loss-table.ts'
import { LineWriter } from '../../sinks/stdout.ts'
import type { SourceConfig } from '../config/schema.ts'
import { loadPrivacyKey } from '../identity/privacy-key.ts'
import type { Incident, IncidentChange } from '../model/incident.ts'
import { formatTime } from '../model/time.ts'
import { inRole, publishSettings, ROLES, type Role } from '../topology/role.ts'
import { withStore } from '../topology/store-settings.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'
import { configPath, loadSettings } from './settings.ts'
import { addSourceOptions, type SourceFlags, sourceSettings } from './source-options.ts'
import { storePlace } from './store-option.ts'
import { offpathVersion } from './version.ts'
import { writeText } from './write-text.ts'

interface RunOptions extends SourceFlags {
  readonly config?: string
  readonly store?: string
  readonly output: 'table' | 'jsonl'
  readonly role?: Role
}

/** For a clean stop: captures, engine, deliveries and rows each have seconds of their own. */
const STOP_MS = 20_000

export function addRun(program: Command, context: CliContext): void {
  addSourceOptions(program.command('run'))
    .description('watch traffic: store it, print and tell incidents as they open and close, act by policy')
    .option('--config <file>', 'default: offpath.yaml in this folder, else the defaults')
    .option('--store <where>', 'none, embedded, or the URL of a ClickHouse server; default: as configured')
    .addOption(
      new Option('--role <role>', 'sensor: capture and publish to Kafka; analyzer: read from there').choices([
        ...ROLES,
      ]),
    )
    .addOption(new Option('-o, --output <format>', 'table or jsonl').choices(['table', 'jsonl']).default('table'))
    .addHelpText(
      'after',
      `
Sources given here replace those of the file. SIGINT or SIGTERM stops it cleanly; a second one at once. SIGHUP loads
the policies anew. While it runs, ask it with: offpath status, top, incident, action, store query.

Examples:
  $ offpath run --pcap eth0 --filter 'tcp port 80'
  $ offpath run --tunnel 10.0.0.5:4789 --tunnel-from 10.0.0.0/8
  $ offpath run --kafka broker:9092 --topic api
  $ offpath run --role sensor --pcap eth0 --kafka broker:9092 --topic transactions
  $ offpath run --role analyzer --kafka broker:9092 --topic transactions
  $ offpath run --exec -- tcpdump -i eth0 -U -w -
  $ ssh gateway tcpdump -U -w - | offpath run --file - -o jsonl
  $ offpath run --config /etc/offpath/offpath.yaml`,
    )
    .action((command: string[], options: RunOptions) => runCommand(command, options, context))
}

async function runCommand(command: string[], options: RunOptions, context: CliContext): Promise<void> {
  const { role } = options
  const settings = loadSettings(configPath(options.config), sourceSettings(options, command, role))
  const config = inRole(role, withStore(settings.config, storePlace(options.store)))
  if (config.sources.length === 0) {
    throw usageError('there is no source to watch', 'offpath run --pcap eth0, or offpath init')
  }
  const { key, origin, path } = loadPrivacyKey({
    keyFile: config.privacy.key_file,
    previousKeyIds: config.privacy.previous_key_ids,
    environment: context.environment,
    allowTestKey: false,
  })
  if (origin === 'generated') context.logger.info({ file: path }, 'made a privacy key for this user and host')
  const { startDaemon } = await import('../topology/daemon.ts')
  const lines = new LineWriter(context.stdout, {
    terminal: context.stdout.isTTY === true,
    onClosed: () => context.stop.abort(),
  })
  const jsonl = options.output === 'jsonl'
  const print = (incident: Incident) => {
    void lines.write(jsonl ? encodeIncident(incident) : incidentLine(incident, context.colour))
  }
  context.stopWithinMs = STOP_MS
  const publish = role === 'sensor' ? publishSettings(config, context.environment) : undefined
  const daemon = await startDaemon({
    config,
    key,
    ...(publish === undefined ? {} : { publish }),
    environment: context.environment,
    version: offpathVersion(),
    logger: context.logger,
    onIncident: ({ kind, incident }: IncidentChange) => {
      // A person reads openings and endings; a program gets every state and keeps the last one of each id.
      if (kind === 'updated' && !jsonl) return
      print(incident)
      void lines.flush()
    },
    onReady: () => context.logger.info({ sources: config.sources.map(sourceName) }, 'watching'),
    stop: context.stop.signal,
  })
  const reload = () => daemon.reloadPolicies()
  process.on('SIGHUP', reload)
  const summary = await daemon.done.finally(async () => {
    process.off('SIGHUP', reload)
    await daemon.close()
  })
  if (jsonl) for (const incident of summary.incidents) if (incident.closedAt === null) print(incident)
  await lines.flush()
  for (const hint of [...lossHints(summary), ...publishHints(summary.counters)]) context.logger.warn(hint)
  if (options.output === 'table') {
    await writeText(context.stdout, `\n${renderLossTable(summary, { width: context.width, colour: context.colour })}`)
  }
}

function sourceName(source: SourceConfig): string {
  switch (source.kind) {
    case 'pcap':
      return `pcap:${source.interface}`
    case 'exec':
      return `exec:${source.name ?? source.command[0]}`
    case 'udp-tunnel':
      return `udp-tunnel:${source.name ?? source.listen}`
    case 'kafka':
      return `kafka:${source.topics.join(',')}`
    case 'file':
      return `file:${source.path}`
  }
}

/** `20:00:21  HIGH      object.enumeration  203.0.113.9  why`: when it opened, or closed. */
function incidentLine(incident: Incident, colour: boolean): string {
  const colours = pc.createColors(colour)
  const { severity, detector, subject, why, openedAt, closedAt } = incident
  const paint =
    severity === 'critical' || severity === 'high' ? colours.red : severity === 'medium' ? colours.yellow : colours.dim
  const time = formatTime(closedAt ?? openedAt).slice(11, 19)
  const word = closedAt === null ? paint(severity.toUpperCase().padEnd(8)) : colours.dim('closed'.padEnd(8))
  return `${time}  ${word}  ${detector}  ${escapeTerminal(subject.value)}  ${escapeTerminal(why)}`
}
