import type { CapturedFrame } from '../../mutate/capture-file.ts'
import { encapsulate, fragmentShuffled, TUNNELS } from '../../mutate/encapsulate.ts'
import { below, havoc, pick } from './bytes.ts'
import { runFrames } from './flow-run.ts'
import { captureFiles, readFrames, writeFrames } from './frame-list.ts'
import type { FuzzTarget } from './target.ts'

const MOST_FRAMES = 16

/** Frames of every link type and tunnel, their headers and lengths changed: decode. */
export const frames: FuzzTarget = {
  name: 'frames',
  corpus: () =>
    captureFiles().flatMap(({ frames: all }, at) => {
      const some = all.slice(0, MOST_FRAMES)
      const tunnel = TUNNELS[at % TUNNELS.length]!
      return [
        writeFrames(some),
        writeFrames(encapsulate(tunnel, { outer: at % 3 === 0 ? 6 : 4 })(some)),
        writeFrames(fragmentShuffled(300, at)(encapsulate(tunnel)(some))),
      ]
    }),
  mutate: (random, corpus) => {
    const all = readFrames(pick(random, corpus)).map(listed)
    const others = readFrames(pick(random, corpus)).map(listed)
    const bytes = all.map(({ bytes: one }) => one)
    for (let changes = 1 + below(random, 6); changes > 0; changes--) {
      const at = below(random, all.length)
      const frame = all[at]!
      const how = below(random, 6)
      if (how === 0) all.splice(below(random, all.length), 0, frame)
      else if (how === 1) all.splice(at, 0, pick(random, others))
      else if (how === 2) all[at] = { ...frame, linkType: pick(random, [0, 1, 101, 108, 113, 276, below(random, 300)]) }
      else if (how === 3) all[at] = { ...frame, original: pick(random, [0, frame.bytes.length, 65_535, 0xffffffff]) }
      else all[at] = { ...frame, bytes: changedHeaders(random, frame.bytes, bytes) }
    }
    return writeFrames(all)
  },
  run: (input) => runFrames(readFrames(input)),
}

/** Changes stay in the first bytes, where headers are, most of the time. */
function changedHeaders(random: () => number, bytes: Buffer, corpus: readonly Buffer[]): Buffer {
  const reach = random() < 0.8 ? Math.min(bytes.length, 110) : bytes.length
  return Buffer.concat([havoc(random, bytes.subarray(0, reach), corpus, 4), bytes.subarray(reach)])
}

let clock = 0n
function listed(frame: { linkType: number; original: number; pauseUs: number; bytes: Buffer }): CapturedFrame {
  clock += BigInt(frame.pauseUs) * 1000n
  return { time: clock, bytes: frame.bytes, original: frame.original, linkType: frame.linkType }
}
