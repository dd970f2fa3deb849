import { readFileSync, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { escapeTerminal } from '../../sinks/escape.ts'
import { resolveSecret } from '../../sinks/webhook/secret.ts'
import { TOLERANCE_SECONDS, verify } from '../../sinks/webhook/signature.ts'
import type { DeliveryJson, DeliveryState } from '../api/operations.ts'
import { OffpathError } from '../telemetry/errors.ts'
import {
  asking,
  type Connect,
  configOption,
  connectByConfig,
  type ListFormat,
  outputOption,
  writeJson,
  writeJsonLines,
} from './connection.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'
import { writeText } from './write-text.ts'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 1000
const MAX_BODY_BYTES = 4 * 1024 * 1024

export function addWebhook(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  const webhook = program.command('webhook').description('signed events: check a signature, see and repeat deliveries')

  webhook
    .command('verify')
    .description('check the signature of an event that was received; needs no daemon')
    .option('--secret-env <name>', 'environment variable with the secret (whsec_…)')
    .option('--secret-file <file>', 'file with the secret, mode 0600')
    .option('--header <line>', 'a header, as `webhook-id: …`; once for each of the three', collect)
    .option('--headers <file>', 'file with the headers, one a line')
    .option('--body <file>', 'the body, byte for byte; - is standard input', '-')
    .option('--tolerance <seconds>', 'how old it may be', parseSeconds, TOLERANCE_SECONDS)
    .addHelpText(
      'after',
      '\nExample:\n  $ offpath webhook verify --secret-env WEBHOOK_SECRET --headers head.txt --body body.json\n',
    )
    .action((options: VerifyOptions) => verifyRequest(options, context))

  webhook
    .command('deliveries')
    .description('list deliveries, newest first')
    .addOption(
      new Option('--state <state>', 'only those in this state').choices(['pending', 'delivered', 'dead', 'disabled']),
    )
    .option('--endpoint <name>', 'only those to this endpoint of sinks.webhook')
    .option('--limit <n>', `at most so many, up to ${MAX_LIMIT}`, parseLimit, DEFAULT_LIMIT)
    .addOption(configOption())
    .addOption(outputOption(['table', 'json', 'jsonl']))
    .addHelpText('after', '\nExample:\n  $ offpath webhook deliveries --state dead\n')
    .action((options: ListOptions) =>
      asking(connect(options, 'allowed'), async (operations) => {
        const { state, endpoint, limit } = options
        const deliveries = await operations.deliveries({
          limit,
          ...(state === undefined ? {} : { state }),
          ...(endpoint === undefined ? {} : { endpoint }),
        })
        if (options.output === 'json') await writeJson(context, deliveries)
        else if (options.output === 'jsonl') await writeJsonLines(context, deliveries)
        else await writeText(context.stdout, table(deliveries))
      }),
    )

  webhook
    .command('redeliver')
    .description('queue dead letters again; a disabled endpoint is back in service')
    .argument('[event]', 'id of an event, as in webhook deliveries')
    .option('--endpoint <name>', 'only to this endpoint of sinks.webhook')
    .option('--all-dead', 'everything that --endpoint did not get')
    .addOption(configOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ offpath webhook redeliver 5a1f6f0e-…\n  $ offpath webhook redeliver --endpoint siem --all-dead\n',
    )
    .action((event: string | undefined, options: RedeliverOptions) => {
      const { endpoint, allDead = false } = options
      if (event === undefined && (endpoint === undefined || !allDead)) {
        throw usageError('name an event, or --endpoint and --all-dead', 'offpath webhook deliveries --state dead')
      }
      if (event !== undefined && allDead) throw usageError('either an event or --all-dead')
      // Only the daemon sends: without one there is nobody to.
      return asking(connect(options, 'refused'), async (operations) => {
        const which = { ...(event === undefined ? {} : { event }), ...(endpoint === undefined ? {} : { endpoint }) }
        const { queued } = await operations.redeliver(which)
        await writeText(context.stdout, `${queued} ${queued === 1 ? 'delivery' : 'deliveries'} queued\n`)
      })
    })
}

interface VerifyOptions {
  readonly secretEnv?: string
  readonly secretFile?: string
  readonly header?: readonly string[]
  readonly headers?: string
  readonly body: string
  readonly tolerance: number
}

interface ListOptions {
  readonly config?: string
  readonly state?: DeliveryState
  readonly endpoint?: string
  readonly limit: number
  readonly output: ListFormat
}

interface RedeliverOptions {
  readonly config?: string
  readonly endpoint?: string
  readonly allDead?: boolean
}

async function verifyRequest(options: VerifyOptions, context: CliContext): Promise<void> {
  const { secretEnv = null, secretFile = null, body: from } = options
  const secret = resolveSecret({ env: secretEnv, file: secretFile, at: 'webhook verify' }, context.environment)
  if (secret === null) throw usageError('no secret is named', '--secret-env NAME or --secret-file FILE')
  const lines = options.headers === undefined ? [] : readInput(options.headers).toString('latin1').split('\n')
  const headers = Object.fromEntries([...lines, ...(options.header ?? [])].flatMap(parseHeader))
  const body = from === '-' ? await readAll(context.stdin) : readInput(from)
  const nowMs = Date.now()
  const fault = verify(headers, body, [secret], nowMs, options.tolerance)
  if (fault !== null) {
    throw new OffpathError('OFFPATH_E_SIGNATURE', fault, {
      at: `body of ${body.length} bytes from ${from === '-' ? 'standard input' : from}`,
      remedy: 'headers and body must be as they were sent, byte for byte: no added line feed, no JSON written anew',
    })
  }
  const age = Math.round(nowMs / 1000) - Number(headers['webhook-timestamp'])
  const id = escapeTerminal(headers['webhook-id'] ?? '')
  await writeText(context.stdout, `ok: ${id}, signed ${age} s ago\n`)
}

/** `name: value`; anything else, such as a status line, is no header. */
function parseHeader(line: string): [string, string][] {
  const match = /^\s*([A-Za-z0-9-]{1,64})\s*:\s*(.*?)\s*$/.exec(line)
  return match === null ? [] : [[match[1]!.toLowerCase(), match[2]!]]
}

function readInput(path: string): Buffer {
  try {
    const stat = statSync(path)
    if (stat.isFile() && stat.size <= MAX_BODY_BYTES) return readFileSync(path)
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_NO_FILE', 'a file cannot be read', { at: path, cause })
  }
  throw new OffpathError('OFFPATH_E_NO_FILE', 'that is no file of an event', { at: path })
}

async function readAll(input: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of input) {
    bytes += (chunk as Buffer).length
    if (bytes > MAX_BODY_BYTES)
      throw new OffpathError('OFFPATH_E_NO_FILE', 'standard input is no event: it is too long')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

function table(deliveries: readonly DeliveryJson[]): string {
  if (deliveries.length === 0) return 'No deliveries.\n'
  const rows = [
    ['CREATED', 'EVENT', 'TYPE', 'INCIDENT', 'ENDPOINT', 'STATE', 'TRIES', 'LAST ANSWER'],
    ...deliveries.map((delivery) => [
      delivery.created_at.slice(0, 19).replace('T', ' '),
      delivery.event,
      delivery.type.replace(/^offpath\./, '').replace(/\.v1$/, ''),
      delivery.subject,
      delivery.endpoint,
      delivery.state === 'pending' && delivery.attempts > 0
        ? `retry ${clock(delivery.next_attempt_at)}`
        : delivery.state,
      String(delivery.attempts),
      delivery.last_error ?? (delivery.last_status === null ? '' : `answered ${delivery.last_status}`),
    ]),
  ].map((row) => row.map(escapeTerminal))
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function clock(time: string | null): string {
  return time === null ? '' : time.slice(11, 19)
}

function collect(line: string, before: readonly string[] = []): readonly string[] {
  return [...before, line]
}

function parseLimit(text: string): number {
  const limit = Number(text)
  if (!/^\d+$/.test(text) || limit < 1 || limit > MAX_LIMIT)
    throw new InvalidArgumentError(`expected 1 to ${MAX_LIMIT}.`)
  return limit
}

function parseSeconds(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('expected a number of seconds.')
  return Number(text)
}
