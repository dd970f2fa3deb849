import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CapturedFrame, readCapture } from '../../mutate/capture-file.ts'

const CAPTURES = join(import.meta.dirname, '..', '..', 'captures')
const HEADER = 12
const LARGEST_FILE = 40_000

/** Frames as one input: of each its link type, length on the wire, pause before it in microseconds, length and bytes. */
export function writeFrames(frames: readonly CapturedFrame[]): Buffer {
  let last = frames[0]?.time ?? 0n
  const parts = frames.flatMap((frame) => {
    const header = Buffer.alloc(HEADER)
    header.writeUInt16LE(frame.linkType, 0)
    header.writeUInt32LE(frame.original, 2)
    const pauseUs = (frame.time - last) / 1000n
    last = frame.time
    header.writeUInt32LE(Number(pauseUs < 0n ? 0n : pauseUs > 400_000_000n ? 400_000_000n : pauseUs), 6)
    header.writeUInt16LE(frame.bytes.length & 0xffff, 10)
    return [header, frame.bytes]
  })
  return Buffer.concat(parts)
}

export interface ListedFrame {
  readonly linkType: number
  readonly original: number
  readonly pauseUs: number
  readonly bytes: Buffer
}

/** Whatever the bytes: every record is read, the last one as far as it goes. */
export function readFrames(input: Buffer): ListedFrame[] {
  const frames: ListedFrame[] = []
  for (let at = 0; at + HEADER <= input.length; ) {
    const length = input.readUInt16LE(at + 10)
    frames.push({
      linkType: input.readUInt16LE(at),
      original: input.readUInt32LE(at + 2),
      pauseUs: input.readUInt32LE(at + 6) % 400_000_000,
      bytes: input.subarray(at + HEADER, at + HEADER + length),
    })
    at += HEADER + length
  }
  return frames
}

/** The smaller captures of test/captures: their files, and their frames. */
export function captureFiles(): { readonly name: string; readonly file: Buffer; readonly frames: CapturedFrame[] }[] {
  return readdirSync(CAPTURES)
    .filter((name) => !name.endsWith('.json'))
    .sort()
    .map((name) => ({ name, file: readFileSync(join(CAPTURES, name)) }))
    .filter(({ file }) => file.length <= LARGEST_FILE)
    .map(({ name, file }) => ({ name, file, frames: readCapture(file) }))
    .filter(({ frames }) => frames.length > 0)
}
