import { type CapturedFrame, ETHERNET } from '../../mutate/capture-file.ts'
import { chain, duplicate, loseData, overlap, reorder, splitEvery, wrapSequence } from '../../mutate/mutators.ts'
import { payloadLength, shifted, tcpParts, withFlags, withPayload } from '../../mutate/tcp-frame.ts'
import { below, havoc, pick } from './bytes.ts'
import { runFrames } from './flow-run.ts'
import { captureFiles, readFrames, writeFrames } from './frame-list.ts'
import type { FuzzTarget } from './target.ts'

const MOST_FRAMES = 60
const JUMPS = [-1, 1, -2, 100, -1448, 1448, 65_535, 2 ** 20, 2 ** 31, -(2 ** 31), 2 ** 30]

/** Segments that are sound by themselves, with numbers, flags, times and payloads that do not fit together: reassembly. */
export const segments: FuzzTarget = {
  name: 'segments',
  corpus: () =>
    captureFiles()
      .map(({ frames }) => frames.filter((frame) => tcpParts(frame) !== null).slice(0, MOST_FRAMES))
      .filter((frames) => frames.length > 3)
      .map(writeFrames),
  mutate: (random, corpus) => {
    let time = 0n
    let all: CapturedFrame[] = readFrames(pick(random, corpus)).map((frame) => {
      time += BigInt(frame.pauseUs) * 1000n
      return { time, bytes: frame.bytes, original: frame.original, linkType: ETHERNET }
    })
    const seed = below(random, 2 ** 31)
    const whole = pick(random, [
      reorder(seed),
      duplicate(seed, 0.2),
      overlap(seed),
      loseData(seed, 0.2),
      splitEvery(1 + below(random, 200)),
      wrapSequence(below(random, 3000)),
      chain(loseData(seed, 0.1), reorder(seed), overlap(seed), duplicate(seed, 0.1)),
    ])
    if (random() < 0.7) all = whole(all)
    for (let changes = below(random, 10); changes > 0 && all.length > 0; changes--) change(random, all, corpus)
    return writeFrames(all)
  },
  run: (input) => runFrames(readFrames(input)),
}

function change(random: () => number, all: CapturedFrame[], corpus: readonly Buffer[]): void {
  const at = below(random, all.length)
  const frame = all[at]!
  const parts = tcpParts(frame)
  // Flags and numbers of a header that is cut or claims to be shorter than it is cannot be set.
  if (parts === null || frame.bytes.length < parts.end || parts.payload < parts.tcp + 20 || parts.payload > parts.end)
    return
  const payload = frame.bytes.subarray(parts.payload, parts.end)
  switch (below(random, 7)) {
    case 0:
      all[at] = shifted(frame, pick(random, JUMPS), 0)
      return
    case 1:
      all[at] = shifted(frame, 0, pick(random, JUMPS))
      return
    case 2:
      all[at] = withPayload(withFlags(frame, below(random, 256)), payload, parts.seq)
      return
    case 3:
      all.splice(below(random, all.length), 0, frame)
      return
    case 4:
      all.splice(at, 1)
      return
    case 5:
      all[at] = { ...frame, time: frame.time + BigInt(below(random, 400)) * 1_000_000_000n }
      return
    default:
      if (payloadLength(parts) > 0) all[at] = withPayload(frame, havoc(random, payload, corpus, 3), parts.seq)
  }
}
