import { existsSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { stringify } from 'yaml'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { effectiveConfig } from '../config/effective.ts'
import { readConfigText } from '../config/load.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'
import { DEFAULT_CONFIG_FILE } from './settings.ts'

interface InitOptions {
  readonly source?: string
  readonly yes?: boolean
  readonly force?: boolean
  readonly file: string
}

/** What the three questions are about. */
interface Answers {
  readonly source: string
  readonly trustedHops: readonly string[]
  readonly apiKeyHeaders: readonly string[]
}

export function addInit(program: Command, context: CliContext): void {
  program
    .command('init')
    .description('ask three questions and write a short, commented offpath.yaml')
    .option('--source <source>', 'pcap:INTERFACE, file:PATH, or exec:PROGRAM ARGS (split at blanks)')
    .option('-y, --yes', 'ask nothing; take the defaults for what is not given')
    .option('--force', 'overwrite a file that is there')
    .option('--file <path>', 'file to write', DEFAULT_CONFIG_FILE)
    .addHelpText(
      'after',
      '\nExamples:\n  $ offpath init\n  $ offpath init --source pcap:eth0 --yes\n  $ offpath init --source "exec:tcpdump -i eth0 -U -w -" --yes\n',
    )
    .action((options: InitOptions) => initCommand(options, context))
}

async function initCommand(options: InitOptions, context: CliContext): Promise<void> {
  if (existsSync(options.file) && options.force !== true) {
    throw new OffpathError('OFFPATH_E_USAGE', 'the file is there already, and it is kept', {
      at: options.file,
      remedy: 'offpath init --force overwrites it; --file PATH writes another',
    })
  }
  const answers = await answersFor(options, context)
  const text = configText(answers)
  // What is written must be what `config check` accepts: an address that is none is told here, not at the next start.
  effectiveConfig(CONFIG_SCHEMA, readConfigText(text, options.file))
  try {
    writeFileSync(options.file, text, { flag: options.force === true ? 'w' : 'wx' })
  } catch (cause) {
    const reason = cause instanceof Error ? `: ${cause.message}` : ''
    throw new OffpathError('OFFPATH_E_CONFIG', `the file cannot be written${reason}`, {
      at: options.file,
      remedy: 'offpath init --file PATH writes it elsewhere',
      cause,
    })
  }
  context.stdout.write(`wrote ${options.file}\nnext: offpath doctor && offpath run\n`)
}

async function answersFor(options: InitOptions, context: CliContext): Promise<Answers> {
  const guess = `pcap:${likelyInterface()}`
  if (options.yes === true) return { source: options.source ?? guess, trustedHops: [], apiKeyHeaders: [] }
  if (context.stdin.isTTY !== true) {
    throw usageError('init asks questions and standard input is no terminal', 'offpath init --source pcap:eth0 --yes')
  }
  const terminal = createInterface({ input: context.stdin, output: context.stderr })
  // Ctrl-C and Ctrl-D reach readline, not the process: either ends the answers.
  terminal.on('SIGINT', () => terminal.close())
  const closeTerminal = () => terminal.close()
  context.stop.signal.addEventListener('abort', closeTerminal, { once: true })
  // Lines queue in the iterator, so answers pasted in one go are not lost between two questions.
  const answers = terminal[Symbol.asyncIterator]()
  const ask = async (question: string, fallback: string) => {
    context.stderr.write(`${question} [${fallback === '' ? 'none' : fallback}] `)
    const answer = await answers.next()
    if (answer.done === true) throw usageError('stopped; nothing was written')
    return answer.value.trim() === '' ? fallback : answer.value.trim()
  }
  try {
    return {
      source: options.source ?? (await ask(`Where does the traffic come from? (${sourceChoices()})`, guess)),
      trustedHops: words(await ask('Addresses or blocks of your own proxies and load balancers?', '')),
      apiKeyHeaders: words(await ask('Headers that carry API keys, besides the usual ones?', '')),
    }
  } finally {
    terminal.close()
  }
}

function sourceChoices(): string {
  return [
    ...interfaceNames().map((name) => `pcap:${name}`),
    'file:PATH',
    'kafka:BROKER:PORT/TOPIC',
    'exec:PROGRAM ARGS',
  ].join(', ')
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '')
}

function interfaceNames(): string[] {
  return Object.keys(networkInterfaces())
}

/** The first interface that is not the loopback. */
function likelyInterface(): string {
  return interfaceNames().find((name) => name !== 'lo' && name !== 'lo0') ?? 'lo'
}

/** The file: what was answered, and what else is worth knowing, commented out at its default. */
export function configText({ source, trustedHops, apiKeyHeaders }: Answers): string {
  const defaults = effectiveConfig(CONFIG_SCHEMA, null).config
  return `# Offpath. Every key has a default: offpath config show. Every key explained: offpath config schema.
# Check this file with: offpath config check

sources:
${sourceText(source)}

${identityText(trustedHops, [...defaults.identity.api_key_headers, ...apiKeyHeaders], apiKeyHeaders.length > 0)}

# privacy:
#   key_file: /etc/offpath/privacy.key   # mode 0600; make it with: openssl rand -hex 32

# detectors:
#   scan.probing: {enabled: false}       # offpath detector list

# sinks:
#   clickhouse: {url: "http://clickhouse:8123"}   # else embedded, in ./offpath-data
#   webhook: [{name: siem, url: "https://siem.example/hook", secret_env: OFFPATH_HOOK_SECRET}]

# policies:
#   modes: {auth-bruteforce: stage}      # offpath policy list; simulate is the default

# limits:
#   memory_mib: ${defaults.limits.memory_mib}
`
}

/** What was answered stands as it is; what was not, as a comment. */
function identityText(trustedHops: readonly string[], apiKeyHeaders: readonly string[], headersGiven: boolean): string {
  const given = trustedHops.length > 0 || headersGiven
  const line = (text: string, known: boolean) => (known ? `  ${text}` : `#   ${text}`)
  return [
    given ? 'identity:' : '# identity:',
    '#   Proxies in front of the API. Only what they say of the caller is believed.',
    line(`trusted_hops: ${flow(trustedHops.length > 0 ? trustedHops : ['10.0.0.0/8'])}`, trustedHops.length > 0),
    line(`api_key_headers: ${flow(apiKeyHeaders)}`, headersGiven),
  ].join('\n')
}

function sourceText(source: string): string {
  const colon = source.indexOf(':')
  const kind = source.slice(0, Math.max(0, colon))
  const rest = source.slice(colon + 1).trim()
  if (rest !== '') {
    if (kind === 'pcap') {
      return `  - kind: pcap\n    interface: ${flow(rest)}\n    # filter: tcp port 80               # BPF, as for tcpdump`
    }
    if (kind === 'file') return `  - kind: file\n    path: ${flow(rest)}`
    if (kind === 'kafka' && rest.includes('/')) {
      const slash = rest.lastIndexOf('/')
      const topics = [rest.slice(slash + 1)]
      return `  - kind: kafka\n    brokers: ${flow(rest.slice(0, slash).split(','))}\n    topics: ${flow(topics)}`
    }
    if (kind === 'exec') return `  - kind: exec\n    command: ${flow(rest.split(/\s+/))}   # no shell reads it`
  }
  throw usageError(`no source '${source}'`, 'pcap:INTERFACE, file:PATH, kafka:BROKER:PORT/TOPIC, or exec:PROGRAM ARGS')
}

/** A value on one line of YAML. */
function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0 }).trimEnd()
}
