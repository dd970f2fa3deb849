import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { StreamInput } from '../../../daemon/sources/byte-input.ts'
import { openInput } from '../../../daemon/sources/capture-file.ts'
import { Counters } from '../../../daemon/telemetry/counters.ts'
import { OffpathError } from '../../../daemon/telemetry/errors.ts'
import { ETHERNET, writePcap, writePcapng } from '../../mutate/capture-file.ts'
import { havoc, pick } from './bytes.ts'
import { captureFiles } from './frame-list.ts'
import { demand, type FuzzTarget } from './target.ts'

/** Capture files of every kind, as bytes: sniffing, pcap, pcapng, gzip and zstd around them, native lines. */
export const pcapng: FuzzTarget = {
  name: 'pcapng',
  corpus: () =>
    captureFiles().flatMap(({ file, frames }, at) => {
      const some = frames.slice(0, 6)
      const ports = [
        { linkType: some[0]!.linkType, resolution: [3, 6, 9][at % 3]!, name: 'a' },
        { linkType: ETHERNET, resolution: 9, name: 'b' },
      ]
      const ng = writePcapng(
        some.map((frame) => ({ ...frame, port: 0 })),
        ports,
      )
      const big = writePcap(some, { bigEndian: true, nanoseconds: at % 2 === 0 })
      const all = [file.subarray(0, 1500), ng, big]
      return at % 10 === 0 ? [...all, gzipSync(ng)] : all
    }),
  mutate: (random, corpus) => {
    const changed = havoc(random, pick(random, corpus), corpus, 6)
    return random() < 0.1 ? gzipSync(changed) : changed
  },
  run: async (input) => {
    const pieces: Buffer[] = []
    const size = 1 + ((input[input.length >> 1] ?? 0) % 97) * 11
    for (let at = 0; at < input.length; at += size) pieces.push(input.subarray(at, at + size))
    const counters = new Counters()
    try {
      const opened = await openInput('-', { stdin: () => new StreamInput(Readable.from(pieces)), counters })
      if (opened.kind === 'native') {
        for await (const batch of opened.source.batches(new AbortController().signal)) void batch
        return
      }
      for await (const batch of opened.source.batches(new AbortController().signal)) {
        for (let row = 0; row < batch.count; row++) {
          demand(batch.offset[row]! + batch.captured[row]! <= batch.bytes.length, 'a frame ends behind its bytes')
          demand(batch.captured[row]! <= batch.original[row]!, 'more was captured than there was')
          demand(Number.isFinite(batch.time[row]!) && Number.isFinite(batch.clock[row]!), 'a time is no number')
        }
      }
    } catch (error) {
      // Refusing a file is an answer.
      if (!(error instanceof OffpathError)) throw error
    }
  },
}
