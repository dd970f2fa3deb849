import { execFile } from 'node:child_process'
import { parseLines } from '../integration/transaction-lines.ts'
import { readWithTshark } from '../integration/tshark.ts'
import { type CapturedFrame, writePcap } from '../mutate/capture-file.ts'
import { type Dirt, dirty, intact, marked } from './dirty-mirror.ts'

/** What a bad mirror does, as shares of segments and of connections. */
export const MIX: Required<Dirt> = { lost: 0.001, reordered: 0.01, duplicated: 0.01, midstream: 0.02, pipelined: 0.02 }
const LARGEST_OUTPUT = 1024 * 1024 * 1024

export interface MirrorReading {
  /** Pairs of which every byte is in the capture. */
  readonly captured: number
  /** Of these, how many the reader gives. */
  readonly recovered: number
  /** Pairs it gives that never happened. */
  readonly wrong: number
}

interface Pair {
  readonly request: string
  readonly status: number
}

/**
 * The same frames over a longer time: the bench capture is a link at its limit, where a whole connection lasts less than a
 * hole is waited for.
 */
export function slowed(frames: readonly CapturedFrame[]): CapturedFrame[] {
  const start = frames[0]!.time
  return frames.map((frame) => ({ ...frame, time: start + (frame.time - start) * 50n }))
}

/**
 * Reads a bench capture clean, then dirty. The truth of a pair is the clean reading, whose count the capture's writer
 * confirms; which pairs are still whole is counted from the frames.
 */
export async function dirtyReading(
  frames: readonly CapturedFrame[],
  seed: number,
  program: string,
  save: (file: Buffer) => string,
): Promise<{ readonly ours: MirrorReading; theirs(): Promise<MirrorReading> }> {
  const clean = marked(frames, 80)
  const truth = await readWithOffpath(program, save(writePcap(clean.frames)))
  if (truth.length !== clean.sizes.length) throw new Error(`${truth.length} of ${clean.sizes.length} clean pairs`)
  const answers = new Map<string, Set<number>>()
  for (const { request, status } of truth) answers.set(request, (answers.get(request) ?? new Set()).add(status))
  const mirror = dirty(seed, MIX)(clean.frames)
  const whole = [...intact(mirror, clean)].map((pair) => truth[pair]!)
  const path = save(writePcap(mirror))
  const rate = (read: readonly Pair[]): MirrorReading => {
    const found = new Map<string, number>()
    for (const pair of read) found.set(text(pair), (found.get(text(pair)) ?? 0) + 1)
    let recovered = 0
    for (const pair of whole) {
      const left = found.get(text(pair)) ?? 0
      if (left > 0) recovered++
      found.set(text(pair), left - 1)
    }
    const wrong = read.filter(({ request, status }) => !answers.get(request)?.has(status)).length
    return { captured: whole.length, recovered, wrong }
  }
  return {
    ours: rate(await readWithOffpath(program, path)),
    theirs: async () => rate(await tsharkPairs(path)),
  }
}

const text = ({ request, status }: Pair) => `${request} ${status}`

/** In the order in which their requests began. */
async function readWithOffpath(program: string, path: string): Promise<Pair[]> {
  const args = [program, 'replay', path, '--emit', 'transactions', '--bodies', 'none']
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', OFFPATH_PRIVACY_KEY: '11'.repeat(32) }
  const printed = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, { env, maxBuffer: LARGEST_OUTPUT }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    )
  })
  return parseLines(printed.split('\n').filter((line) => line !== ''))
    .filter(({ method, status }) => method !== null && status !== null)
    .sort((a, b) => (a.ts < b.ts ? -1 : 1))
    .map((line) => ({
      request: `${line.client_ip} ${line.client_port} ${line.method} ${target(line.path!, line.query)}`,
      status: line.status!,
    }))
}

const target = (path: string, query: string) => (query === '' ? path : `${path}?${query}`)

async function tsharkPairs(path: string): Promise<Pair[]> {
  const read = await readWithTshark(path, false, ['tcp.reassemble_out_of_order:TRUE'])
  return read
    .filter(({ method, status }) => method !== null && status !== null)
    .map((pair) => ({ request: `${pair.client} ${pair.method} ${pair.target}`, status: pair.status! }))
}
