import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { decodeBody } from '../../../daemon/http/body.ts'
import type { Exchange } from '../../../daemon/http/exchange.ts'
import { DEFAULT_HTTP_LIMITS } from '../../../daemon/http/limits.ts'
import { HttpStage } from '../../../daemon/http/stage.ts'
import { KeptBytes } from '../../../daemon/reassembly/stream.ts'
import { Counters } from '../../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../../daemon/telemetry/weirds.ts'
import { FLOW } from '../http-flow.ts'
import { below, havoc, pick } from './bytes.ts'
import { demand, type FuzzTarget } from './target.ts'

const ZSTD = join(import.meta.dirname, '..', '..', 'zstd')
const CODINGS = ['gzip', 'deflate', 'br', 'zstd', 'gzip, br', 'zstd, gzip', 'deflate, zstd', 'identity']

/** Bodies behind Content-Encoding; the first byte of an input names the codings. */
export const decompression: FuzzTarget = {
  name: 'decompression',
  corpus: () => {
    const plain = Buffer.from(
      JSON.stringify(Array.from({ length: 60 }, (_, id) => ({ id, text: 'made-up'.repeat(id % 5) }))),
    )
    const zstd = readdirSync(ZSTD)
      .filter((name) => name.endsWith('.zst'))
      .map((name) => readFileSync(join(ZSTD, name)))
    const bodies = [
      [0, gzipSync(plain)],
      [0, gzipSync(Buffer.alloc(300_000))],
      [1, deflateSync(plain)],
      [1, deflateRawSync(plain)],
      [2, brotliCompressSync(plain)],
      [4, brotliCompressSync(gzipSync(plain))],
      [6, zstd[0]!],
      ...zstd.map((file) => [3, file] as const),
      ...zstd.map((file) => [5, gzipSync(file)] as const),
      [7, plain],
    ] as const
    return bodies.map(([coding, bytes]) => Buffer.concat([Buffer.of(coding), bytes]))
  },
  mutate: (random, corpus) => {
    const input = pick(random, corpus)
    const coding = random() < 0.9 ? input[0]! : below(random, CODINGS.length)
    return Buffer.concat([Buffer.of(coding), havoc(random, input.subarray(1), corpus, 5)])
  },
  run: (input) => {
    if (input.length < 2) return
    const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
    const body = input.subarray(1)
    let seen = 0
    const sink = ({ response }: Exchange) => {
      if (response === null) return
      seen++
      const decoded = decodeBody(response, DEFAULT_HTTP_LIMITS, telemetry)
      const { maxDecodedBytes, ratioFreeBytes, maxDecodeRatio } = DEFAULT_HTTP_LIMITS
      const most = Math.min(maxDecodedBytes, Math.max(ratioFreeBytes, body.length * maxDecodeRatio))
      demand(decoded.bytes.length <= most, `${decoded.bytes.length} bytes were decoded, ${most} allowed`)
    }
    const stage = new HttpStage({ limits: DEFAULT_HTTP_LIMITS, bodies: true, telemetry, sink })
    const flow = stage.open(FLOW, FLOW.time, new KeptBytes())
    const request = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: ${CODINGS[input[0]! % CODINGS.length]}\r\nContent-Length: ${body.length}\r\n\r\n`
    const response = Buffer.concat([Buffer.from(head), body])
    flow.data(0, request, 0, request.length, 0, 0, FLOW.time, FLOW.time)
    flow.data(1, response, 0, response.length, 0, request.length, FLOW.time, FLOW.time)
    flow.close('fin', FLOW.time)
    demand(seen === 1, `${seen} responses`)
  },
}
