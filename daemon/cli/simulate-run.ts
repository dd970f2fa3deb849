import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { LineWriter } from '../../sinks/stdout.ts'
import type { Exchange } from '../../world/exchange.ts'
import { send } from '../../world/output/live.ts'
import { Lines } from '../../world/output/native.ts'
import { PacketWriter } from '../../world/output/packets.ts'
import { scheduled, type Wanted } from '../../world/plan.ts'
import { DEFAULT_START_US, World } from '../../world/world.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { CliContext } from './context.ts'
import type { SimulateOptions } from './simulate.ts'

const FLUSH_CHARACTERS = 1 << 20

/** Makes the traffic of `offpath simulate` and writes it where it was asked to. */
export async function simulate(
  options: SimulateOptions,
  wanted: readonly Wanted[],
  context: CliContext,
): Promise<void> {
  const { seed, users, days, rate, most } = options
  const capture = options.out?.endsWith('.pcap') === true
  const exchanges = new World({ seed, users }).run({
    startUs: DEFAULT_START_US,
    days,
    rate,
    assaults: scheduled(wanted, seed, DEFAULT_START_US, days),
    ...(most === undefined ? {} : { most }),
    order: capture || options.target !== undefined ? 'start' : 'end',
  })
  const truth = options.truth === undefined ? null : new FileLines(options.truth)
  try {
    const made =
      options.target !== undefined
        ? await toServer(new URL(options.target), exchanges, options, truth, context)
        : capture
          ? toCapture(options.out!, exchanges, options, truth, context)
          : await toRecords(exchanges, options, truth, context)
    context.logger.info(`${made} requests made with seed ${seed}`)
  } finally {
    truth?.close()
  }
}

async function toRecords(
  exchanges: Iterable<Exchange>,
  { out, seed }: SimulateOptions,
  truth: FileLines | null,
  context: CliContext,
): Promise<number> {
  const lines = new Lines(seed)
  const file = out === undefined ? null : new FileLines(out)
  const standard = new LineWriter(context.stdout, {
    terminal: context.stdout.isTTY === true,
    onClosed: () => context.stop.abort(),
  })
  let made = 0
  try {
    for (const exchange of exchanges) {
      if (context.stop.signal.aborted) break
      const { record, truth: labels } = lines.of(exchange)
      if (file !== null) file.write(record)
      else await standard.write(record)
      truth?.write(labels)
      made++
    }
  } finally {
    file?.close()
  }
  await standard.flush()
  return made
}

function toCapture(
  path: string,
  exchanges: Iterable<Exchange>,
  { seed }: SimulateOptions,
  truth: FileLines | null,
  context: CliContext,
): number {
  const file = openFile(path)
  const lines = new Lines(seed)
  const packets = new PacketWriter((bytes) => void writeSync(file, bytes))
  let made = 0
  try {
    for (const exchange of exchanges) {
      if (context.stop.signal.aborted) break
      packets.push(exchange)
      truth?.write(lines.of(exchange).truth)
      made++
    }
    packets.close()
  } finally {
    closeSync(file)
  }
  return made
}

/** One request after the other, at the pace of --rate; the event time of the world is not kept. */
async function toServer(
  target: URL,
  exchanges: Iterable<Exchange>,
  { seed, rate }: SimulateOptions,
  truth: FileLines | null,
  context: CliContext,
): Promise<number> {
  const lines = new Lines(seed)
  const begun = performance.now()
  let made = 0
  let unanswered = 0
  const open = new Set<Promise<void>>()
  for (const exchange of exchanges) {
    if (context.stop.signal.aborted) break
    const ahead = (made * 1000) / rate - (performance.now() - begun)
    if (ahead > 1) await sleep(ahead, undefined, { signal: context.stop.signal }).catch(() => undefined)
    while (open.size >= MAX_OPEN) await Promise.race(open)
    const sent: Promise<void> = send(target, exchange, seed).then((status) => {
      if (status === null) unanswered++
      open.delete(sent)
    })
    open.add(sent)
    truth?.write(lines.of(exchange).truth)
    made++
  }
  await Promise.all(open)
  if (unanswered > 0) context.logger.warn(`${unanswered} of ${made} requests got no answer from ${target.origin}`)
  return made
}

const MAX_OPEN = 32

/** Lines to a file, in large pieces. */
class FileLines {
  readonly #file: number
  #text = ''

  constructor(path: string) {
    this.#file = openFile(path)
  }

  write(line: string): void {
    this.#text += `${line}\n`
    if (this.#text.length >= FLUSH_CHARACTERS) this.#flush()
  }

  close(): void {
    this.#flush()
    closeSync(this.#file)
  }

  #flush(): void {
    writeSync(this.#file, this.#text)
    this.#text = ''
  }
}

/** Truth and records hold passwords and tokens: made-up ones, but nobody should get used to such files lying open. */
function openFile(path: string): number {
  try {
    return openSync(path, 'w', 0o600)
  } catch (error) {
    throw new OffpathError('OFFPATH_E_NO_FILE', `${path} cannot be written`, {
      at: path,
      remedy: 'Name a file in a folder that exists and may be written.',
      cause: error,
    })
  }
}
