import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { Decoder } from '../../daemon/decode/decoder.ts'
import { Segment } from '../../daemon/decode/segment.ts'
import { DEFAULT_HTTP_LIMITS } from '../../daemon/http/limits.ts'
import { HttpStage } from '../../daemon/http/stage.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import type { FrameBatch } from '../../daemon/model/frame.ts'
import { Reassembler } from '../../daemon/reassembly/reassembler.ts'
import type { OpenStream } from '../../daemon/reassembly/stream.ts'
import { openInput } from '../../daemon/sources/capture-file.ts'
import { Counters, type Telemetry } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import type { AnalysisListeners } from '../../daemon/topology/analysis-stage.ts'
import { assemble } from '../../daemon/topology/assemble.ts'
import { buildDetection } from '../../daemon/topology/detection.ts'
import { encodeTransaction } from '../../sinks/native-json.ts'

/**
 * In-process cost of one stage and all before it: `stages.mjs NAME FILE` prints CPU seconds, `--list` the stages in
 * order, each with the one it stands on. The price of starting Node is not in it.
 */
interface Stage {
  readonly name: string
  readonly after: string | null
  /** Makes what takes the batches, and what ends it. */
  readonly build: (telemetry: Telemetry) => { take: (batch: FrameBatch) => void; end: () => void }
}

const nothing = () => {}
const IDLE: ReturnType<OpenStream> = { data: nothing, gap: nothing, end: nothing, close: nothing }
const SOURCE = { kind: 'file', name: 'bench' } as const

function decoded(telemetry: Telemetry, open: OpenStream, tick: (now: number) => void, close: (now: number) => void) {
  const decoder = new Decoder(telemetry)
  const segment = new Segment()
  const reassembler = new Reassembler({ open, telemetry, source: () => SOURCE })
  let now = 0
  return {
    take: (batch: FrameBatch) => {
      for (let i = 0; i < batch.count; i++) {
        now = batch.clock[i]!
        if (decoder.decode(batch, i, segment)) reassembler.push(segment, batch.time[i]!, now)
      }
      reassembler.tick(now)
      tick(now)
    },
    end: () => {
      reassembler.close(now)
      close(now)
    },
  }
}

function chained(detect: boolean, bodies: boolean, listeners: AnalysisListeners): ReturnType<Stage['build']> {
  const { config } = effectiveConfig(CONFIG_SCHEMA, null)
  const detectorFailed = (detector: string, error: unknown) => {
    throw new Error(detector, { cause: error })
  }
  const { chain } = assemble({
    config,
    key: TEST_KEY,
    bodies,
    detect: detect ? buildDetection : null,
    listeners,
    detectorFailed,
  })
  return { take: (batch) => chain.frames(SOURCE, batch, 0, batch.count), end: () => chain.close() }
}

const STAGES: readonly Stage[] = [
  { name: 'read file, walk records', after: null, build: () => ({ take: nothing, end: nothing }) },
  {
    name: 'decode',
    after: 'read file, walk records',
    build: (telemetry) => {
      const decoder = new Decoder(telemetry)
      const segment = new Segment()
      return {
        take: (batch) => {
          for (let i = 0; i < batch.count; i++) decoder.decode(batch, i, segment)
        },
        end: nothing,
      }
    },
  },
  { name: 'reassembly', after: 'decode', build: (telemetry) => decoded(telemetry, () => IDLE, nothing, nothing) },
  {
    name: 'http: framing, pairing',
    after: 'reassembly',
    build: (telemetry) => {
      const http = new HttpStage({ limits: DEFAULT_HTTP_LIMITS, bodies: false, telemetry, sink: null })
      return decoded(
        telemetry,
        http.open,
        (now) => http.tick(now),
        (now) => http.tick(now),
      )
    },
  },
  {
    name: 'redaction, principal, endpoint',
    after: 'http: framing, pairing',
    build: () => chained(false, false, { transaction: nothing }),
  },
  {
    name: 'line of JSON, no bodies',
    after: 'redaction, principal, endpoint',
    build: () => chained(false, false, { transaction: (transaction) => void encodeTransaction(transaction) }),
  },
  {
    name: 'line of JSON, bodies',
    after: 'redaction, principal, endpoint',
    build: () => chained(false, true, { transaction: (transaction) => void encodeTransaction(transaction) }),
  },
  {
    name: 'detectors, incidents (bodies kept)',
    after: 'redaction, principal, endpoint',
    build: () => chained(true, true, {}),
  },
]

async function main(name: string, path: string): Promise<void> {
  const stage = STAGES.find((one) => one.name === name)
  if (stage === undefined) throw new Error(`no stage ${name}`)
  const telemetry: Telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const opened = await openInput(path, { counters: telemetry.counters })
  if (opened.kind !== 'frames') throw new Error(`${path} is no capture`)
  const { take, end } = stage.build(telemetry)
  const start = process.cpuUsage()
  for await (const batch of opened.source.batches(new AbortController().signal)) take(batch)
  end()
  const used = process.cpuUsage(start)
  process.stdout.write(`${(used.user + used.system) / 1e6}\n`)
}

const [name = '', path = ''] = process.argv.slice(2)
if (name === '--list') process.stdout.write(JSON.stringify(STAGES.map((stage) => [stage.name, stage.after])))
else await main(name, path)
