import { Decoder } from '../../../daemon/decode/decoder.ts'
import { Segment } from '../../../daemon/decode/segment.ts'
import { DEFAULT_HTTP_LIMITS } from '../../../daemon/http/limits.ts'
import { HttpStage } from '../../../daemon/http/stage.ts'
import { TEST_KEY } from '../../../daemon/identity/privacy-key.ts'
import { IDENTITY_DEFAULTS, Recorder } from '../../../daemon/identity/recorder.ts'
import { SECOND_US } from '../../../daemon/model/time.ts'
import { REASSEMBLY_LIMITS, type ReassemblyLimits } from '../../../daemon/reassembly/limits.ts'
import { Reassembler } from '../../../daemon/reassembly/reassembler.ts'
import { Counters } from '../../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../../daemon/telemetry/weirds.ts'
import { encodeTransaction } from '../../../sinks/native-json.ts'
import type { ListedFrame } from './frame-list.ts'
import { demand } from './target.ts'

/** Small, so that evictions happen and a table is quickly made. */
const LIMITS: ReassemblyLimits = {
  ...REASSEMBLY_LIMITS,
  heldSegmentsPerDirection: 32,
  heldBytes: 2 * 1024 * 1024,
  keptBytes: 4 * 1024 * 1024,
  flows: 1024,
  halfOpenFlows: 256,
}
const MAX_HELD_BYTES = 20 * 1024 * 1024

/** Frames through decode, reassembly, http and redaction to printed lines, and what must hold whatever they are. */
export function runFrames(frames: readonly ListedFrame[]): void {
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const { funnel } = telemetry
  funnel.from({ kind: 'file', name: 'fuzz' })
  const recorder = new Recorder({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: true,
    limits: DEFAULT_HTTP_LIMITS,
    hashKey: TEST_KEY.bytes,
    telemetry,
    emit: (transaction) => void JSON.parse(encodeTransaction(transaction)),
  })
  const http = new HttpStage({ limits: DEFAULT_HTTP_LIMITS, bodies: true, telemetry, sink: recorder.exchange })
  const decoder = new Decoder(telemetry)
  const reassembler = new Reassembler({
    limits: LIMITS,
    telemetry,
    source: () => ({ kind: 'file', name: 'fuzz' }),
    open: http.open,
  })
  const segment = new Segment()
  let now = SECOND_US
  for (const { bytes, linkType, original, pauseUs } of frames) {
    now += pauseUs
    funnel.frames.in++
    const batch = {
      bytes,
      count: 1,
      offset: Uint32Array.of(0),
      captured: Uint32Array.of(bytes.length),
      original: Uint32Array.of(original),
      time: Float64Array.of(now),
      clock: Float64Array.of(now),
      linkType: Uint16Array.of(linkType),
      flags: Uint8Array.of(0),
    }
    if (decoder.decode(batch, 0, segment)) {
      demand(segment.payloadStart <= segment.payloadEnd, 'a payload ends before it begins')
      demand(segment.payloadEnd <= segment.bytes.length, 'a payload ends behind its bytes')
      reassembler.push(segment, now, now)
    }
    demand(funnel.frames.unexplained() === decoder.heldFrames, 'a frame is unexplained')
    demand(decoder.heldBytes + reassembler.heldBytes <= MAX_HELD_BYTES, 'too much is held')
    if (pauseUs > SECOND_US) {
      decoder.tick(now)
      reassembler.tick(now)
      http.tick(now)
    }
  }
  decoder.close()
  reassembler.close(now)
  demand(decoder.heldBytes === 0 && reassembler.heldBytes === 0, 'bytes are held after the end')
  demand(http.waiting === 0, 'requests wait after the end')
  for (const stage of ['frames', 'bytes', 'messages', 'pairs'] as const) {
    demand(funnel[stage].unexplained() === 0, `${funnel[stage].unexplained()} ${stage} are unexplained`)
  }
}
