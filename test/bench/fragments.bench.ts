/**
 * IP fragments alone: nanoseconds per fragment, honest and hostile, and how much is held at most.
 *
 *   npx esbuild test/bench/fragments.bench.ts --bundle --platform=node --format=esm --outfile=.cache/fragments.mjs
 *   node --expose-gc .cache/fragments.mjs
 */
import { Decoder } from '../../daemon/decode/decoder.ts'
import { Segment } from '../../daemon/decode/segment.ts'
import type { FrameBatch } from '../../daemon/model/frame.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { batchOf } from '../mutate/frame-batch.ts'
import { fragmented, ipFrame } from '../mutate/ip-packet.ts'

const FRAGMENTS = 300_000
const ROUNDS = 3

/** Fragments of one datagram; `change` makes it another one each time it is sent. */
interface Load {
  readonly name: string
  readonly pieces: readonly FrameBatch[]
}

function pieces(length: number, mtu: number): FrameBatch[] {
  return fragmented(ipFrame(0n, 4, 6, 1, Buffer.alloc(length, 0x50), length), mtu, 1).map((frame) =>
    batchOf(frame, 1e15),
  )
}

/** Every fragment overlaps the others, none is the last: the set is searched to its limit and never whole. */
function overlapping(): FrameBatch[] {
  const [first] = pieces(1400, 700)
  return Array.from({ length: 63 }, (_, at) => {
    const bytes = Buffer.from(first!.bytes)
    bytes.writeUInt16BE(0x2000 | (at * 80), 20)
    return { ...first!, bytes }
  })
}

const LOADS: readonly Load[] = [
  { name: 'packets of 1,500 bytes cut in two', pieces: pieces(1480, 1000) },
  { name: 'datagrams of 64 fragments', pieces: pieces(64 * 480, 500) },
  { name: 'first halves only, each of another datagram', pieces: pieces(1480, 1000).slice(0, 1) },
  { name: 'the smallest fragments, never the last one', pieces: pieces(64 * 8, 28).slice(0, 63) },
  { name: 'fragments that overlap, never the last one', pieces: overlapping() },
]

function run(load: Load): { ns: number; held: number } {
  const decoder = new Decoder({ funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() })
  const segment = new Segment()
  let held = 0
  let id = 0
  const start = process.cpuUsage()
  for (let sent = 0; sent < FRAGMENTS; id = (id + 1) & 0xffff) {
    for (const piece of load.pieces) {
      piece.bytes.writeUInt16BE(id, 18)
      decoder.decode(piece, 0, segment)
      sent++
      if (decoder.heldBytes > held) held = decoder.heldBytes
    }
  }
  const { user, system } = process.cpuUsage(start)
  return { ns: ((user + system) * 1000) / FRAGMENTS, held }
}

for (const load of LOADS) {
  const rounds = Array.from({ length: ROUNDS }, () => run(load))
  const ns = rounds.map((round) => round.ns).sort((a, b) => a - b)
  const held = Math.max(...rounds.map((round) => round.held))
  const text = (value: number | undefined): string => (value ?? 0).toFixed(0)
  process.stdout.write(
    `${load.name}: ${text(ns[ROUNDS >> 1])} ns/fragment (${text(ns[0])}..${text(ns[ROUNDS - 1])}), ` +
      `at most ${(held / 1024).toFixed(0)} KiB held\n`,
  )
}
process.stdout.write(`resident at the end: ${(process.memoryUsage().rss / 1048576).toFixed(0)} MiB\n`)
