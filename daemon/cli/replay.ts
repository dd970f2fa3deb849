import { type Command, InvalidArgumentError, Option } from 'commander'
import { lossHints } from '../../sinks/loss-hints.ts'
import { LineWriter } from '../../sinks/stdout.ts'
import { defaultConfig } from '../config/defaults.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import { loadPrivacyKey } from '../identity/privacy-key.ts'
import type { Incident } from '../model/incident.ts'
import { SEVERITIES, type Severity } from '../model/signal.ts'
import { HeapGrowth, YoungGeneration } from '../topology/heap-growth.ts'
import { boundInlining } from '../topology/inlining.ts'
import type { Emit, ReplayRequest, ReplaySummary } from '../topology/replay.ts'
import { withStore } from '../topology/store-settings.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'
import { storePlace } from './store-option.ts'
import { writeText } from './write-text.ts'

interface ReplayOptions {
  readonly emit: Emit
  readonly bodies: 'text' | 'none'
  readonly format: string
  readonly config?: string
  readonly speed: 'max' | number
  readonly failOn?: Severity
  readonly store: string
  readonly output?: 'table' | 'json' | 'jsonl'
}

const EMITS: readonly Emit[] = ['transactions', 'signals', 'incidents', 'summary', 'none']
/** For the last rows to be stored; what is not by then waits in the spool. */
const STORE_GRACE_MS = 60_000
/** What --fail-on found: contracts.md, exit codes. */
const FINDINGS_PRESENT = 3

export function addReplay(program: Command, context: CliContext): void {
  program
    .command('replay')
    .description('read capture files, gateway logs or native transactions, on their own clock, at full speed')
    .argument(
      '<file...>',
      'pcap, pcapng (also .gz) or .jsonl or .har records (see --format); - is standard input; several are one timeline',
    )
    .addOption(new Option('--emit <what>', 'what to print').choices([...EMITS]).default('summary'))
    .addOption(
      new Option('--bodies <how>', 'decode and redact bodies, or leave them').choices(['text', 'none']).default('text'),
    )
    .option('--format <name>', 'of text input: a preset (offpath tap presets), a mapping file, or auto', 'auto')
    .option('--config <file>', 'configuration; without it the defaults hold, whatever the folder')
    .option('--speed <factor>', 'max, or a factor: 1 is as captured', parseSpeed, 'max' as const)
    .option('--store <where>', 'none, embedded (in the data folder), or the URL of a ClickHouse server', 'none')
    .addOption(
      new Option('--fail-on <severity>', 'exit 3 when an incident is at least this severe').choices([...SEVERITIES]),
    )
    .addOption(
      new Option('-o, --output <format>', 'of the summary: table or json; all else is jsonl').choices([
        'table',
        'json',
        'jsonl',
      ]),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ offpath replay capture.pcap
  $ offpath replay --emit transactions monday.pcapng.gz tuesday.pcapng.gz | jq -r .endpoint
  $ tcpdump -r big.pcap -w - 'port 80' | offpath replay - -o json
  $ offpath replay --fail-on high nightly.jsonl
  $ offpath replay --format kong gateway.jsonl.gz
  $ offpath replay --store embedded monday.pcap && offpath store query 'SELECT count() FROM transactions'`,
    )
    .action((files: string[], options: ReplayOptions) => replayCommand(files, options, context))
}

async function replayCommand(files: string[], options: ReplayOptions, context: CliContext): Promise<void> {
  checkOutput(options)
  const detects = options.emit !== 'none' && options.emit !== 'transactions'
  // Before anything hot is compiled.
  if (detects) boundInlining()
  const heap = new HeapGrowth()
  const young = new YoungGeneration()
  const config = withStore(await configOf(options), storePlace(options.store))
  const { key } = loadPrivacyKey({
    keyFile: config.privacy.key_file,
    previousKeyIds: config.privacy.previous_key_ids,
    environment: context.environment,
    allowTestKey: true,
  })
  const lines = new LineWriter(context.stdout, {
    terminal: context.stdout.isTTY === true,
    onClosed: () => context.stop.abort(),
  })
  const store = config.store.enabled
    ? await (await import('../topology/local-store.ts')).openLocalStore(config, context.environment, context.logger)
    : null
  const request: ReplayRequest = {
    files,
    ...(store === null ? {} : { store }),
    emit: options.emit,
    bodies: options.bodies,
    format: options.format,
    config,
    ...(detects || (options.emit === 'transactions' && config.policies.folder !== null) ? await inForce(config) : {}),
    key,
    speed: options.speed,
    write: (line) => lines.write(line),
    ...(lines.terminal ? {} : { writeBytes: (bytes: Buffer, done: () => void) => lines.writeBytes(bytes, done) }),
    warn: (message) => context.logger.warn(message),
    progressed: () => {
      heap.look()
      young.look()
    },
    stop: context.stop.signal,
  }
  const summary = await replayOrCount(request).finally(() => store?.close(STORE_GRACE_MS))
  await lines.flush()
  for (const hint of lossHints(summary)) context.logger.warn(hint)
  if (options.emit === 'summary') {
    const { summaryText } = await import('./summary-text.ts')
    await writeText(context.stdout, summaryText(summary, options.output, context))
  }
  if (options.failOn !== undefined && anyAtLeast(summary.incidents, options.failOn)) context.exitCode = FINDINGS_PRESENT
}

async function replayOrCount(request: ReplayRequest): Promise<ReplaySummary> {
  if (request.emit === 'none') {
    const { canCount, countPairs } = await import('../topology/count.ts')
    if (await canCount(request)) return countPairs(request)
  }
  const { replay } = await import('../topology/replay.ts')
  return replay(request)
}

async function configOf({ config }: ReplayOptions): Promise<ValidatedConfig> {
  return config === undefined ? defaultConfig() : (await import('./settings.ts')).loadSettings(config).config
}

function checkOutput({ emit, output }: ReplayOptions): void {
  if (output === undefined) return
  const possible = emit === 'summary' ? ['table', 'json'] : ['jsonl']
  if (!possible.includes(output)) throw usageError(`--emit ${emit} prints ${possible.join(' or ')}, not ${output}`)
}

function anyAtLeast(incidents: readonly Incident[], severity: Severity): boolean {
  return incidents.some((incident) => SEVERITIES.indexOf(incident.severity) >= SEVERITIES.indexOf(severity))
}

function parseSpeed(text: string): 'max' | number {
  if (text === 'max') return 'max'
  const factor = Number(text)
  if (!Number.isFinite(factor) || factor <= 0) throw new InvalidArgumentError('expected max or a number above 0.')
  return factor
}

/** What is loaded only where something is detected. */
async function inForce({ policies }: ValidatedConfig) {
  const { documents, payloadRules } = (await import('../policies/load.ts')).loadPolicies(policies)
  return { policies: documents, payloadRules }
}
