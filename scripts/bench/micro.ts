import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Decoder } from '../../daemon/decode/decoder.ts'
import { ACK, Segment } from '../../daemon/decode/segment.ts'
import { ChunkedReader } from '../../daemon/http/chunked.ts'
import { HeadScanner } from '../../daemon/http/head-scanner.ts'
import { ALL_NAMES, FRAMING_NAMES } from '../../daemon/http/known-headers.ts'
import { DEFAULT_HTTP_LIMITS } from '../../daemon/http/limits.ts'
import { HttpMessage } from '../../daemon/http/message.ts'
import { HttpStage } from '../../daemon/http/stage.ts'
import { NO_LINE } from '../../daemon/http/start-line.ts'
import { FlowHash } from '../../daemon/reassembly/flow-hash.ts'
import { FlowTable } from '../../daemon/reassembly/flow-table.ts'
import { Reassembler } from '../../daemon/reassembly/reassembler.ts'
import { fingerprint } from '../../daemon/reassembly/recent-segments.ts'
import { FileClockGuard, judgeRows } from '../../daemon/sources/clock-guard.ts'
import { FrameColumns } from '../../daemon/sources/frame-columns.ts'
import { PcapReader } from '../../daemon/sources/pcap-reader.ts'
import { vectorBuffer } from '../../daemon/sources/vector-memory.ts'
import { Counters, type Telemetry } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { median, spread } from './measure.ts'
import { syntheticCapture } from './synthetic-capture.ts'

/**
 * The hot functions of extraction, one by one, over the frames of a small capture held in memory: `micro.mjs` runs each case in
 * a process of its own and prints nanoseconds of CPU per operation, `micro.mjs CASE` runs one.
 */
const CACHE = join('.cache', 'bench')
const PAIRS = 2000
const ROUNDS = 9
const WARM_UP_SECONDS = 0.5
const ROUND_SECONDS = 0.15

/** One pass over the material; returns how many operations it was. */
type Pass = () => number

const SOURCE = { kind: 'file', name: 'micro' } as const
const nothing = () => {}
const IDLE = { data: nothing, gap: nothing, end: nothing, close: nothing }

function newTelemetry(): Telemetry {
  return { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
}

/** The capture as one batch. */
function material(): { file: Buffer; columns: FrameColumns } {
  const { path, truth } = syntheticCapture(CACHE, PAIRS)
  const written = readFileSync(path)
  // Where sources read to, so that heads are looked at where they lie.
  const file = vectorBuffer(written.length)
  written.copy(file)
  const columns = new FrameColumns(file, truth.packets)
  new PcapReader().parse(file, 0, file.length, columns)
  columns.count = columns.filled
  judgeRows(new FileClockGuard(), columns, columns.count, columns.filled)
  return { file, columns }
}

/** Each segment of the batch with its row, in one object that is used again. */
function eachSegment(columns: FrameColumns, take: (segment: Segment, row: number) => void): number {
  const decoder = new Decoder(newTelemetry())
  const segment = new Segment()
  let segments = 0
  for (let row = 0; row < columns.count; row++) {
    if (!decoder.decode(columns, row, segment)) continue
    take(segment, row)
    segments++
  }
  return segments
}

/** Where the payloads begin and end that begin a message of the wanted kind. */
function payloads(columns: FrameColumns, prefix: RegExp): [from: number, to: number][] {
  const found: [number, number][] = []
  eachSegment(columns, ({ bytes, payloadStart, payloadEnd }) => {
    if (prefix.test(bytes.toString('latin1', payloadStart, payloadStart + 8))) found.push([payloadStart, payloadEnd])
  })
  return found
}

const REQUEST = /^[A-Z]+ \//
const RESPONSE = /^HTTP\/1/

function scanning(prefix: RegExp, names: typeof ALL_NAMES): Pass {
  const { file, columns } = material()
  const places = payloads(columns, prefix)
  const scanner = new HeadScanner(DEFAULT_HTTP_LIMITS, names)
  return () => {
    for (const [from, to] of places) {
      if (scanner.scan(file, from, to, NO_LINE, false) < 0) throw new Error('no head')
    }
    return places.length
  }
}

function flows(open: () => { open: ConstructorParameters<typeof Reassembler>[0]['open']; end: () => void }): Pass {
  const { columns } = material()
  return () => {
    const stage = open()
    const reassembler = new Reassembler({ open: stage.open, telemetry: newTelemetry(), source: () => SOURCE })
    let now = 0
    const segments = eachSegment(columns, (segment, row) => {
      now = columns.clock[row]!
      reassembler.push(segment, columns.time[row]!, now)
    })
    reassembler.close(now)
    stage.end()
    return segments
  }
}

const CASES: Readonly<Record<string, () => Pass>> = {
  'read a record of pcap': () => {
    const { file, columns } = material()
    return () => {
      columns.filled = 0
      new PcapReader().parse(file, 0, file.length, columns)
      return columns.filled
    }
  },
  'judge a timestamp': () => {
    const { columns } = material()
    return () => {
      judgeRows(new FileClockGuard(), columns, columns.count, columns.filled)
      return columns.count
    }
  },
  'decode a frame': () => {
    const { columns } = material()
    return () => eachSegment(columns, nothing)
  },
  'decode, hash, find a flow among 10,000': () => {
    const { columns } = material()
    const hash = new FlowHash([1, 2, 3, 4, 5])
    const table = new FlowTable()
    const other = new Segment()
    for (let port = 0; port < 10_000; port++) {
      other.src3 = port * 7919
      other.srcPort = port
      other.dstPort = 80
      other.flags = ACK
      table.add(other, hash.of(other), 0, 0, 0)
    }
    const find = (segment: Segment) => {
      const place = hash.of(segment)
      if (table.find(segment, place) < 0) table.add(segment, place, 0, 0, 0)
    }
    return () => eachSegment(columns, find)
  },
  'decode, print of a payload': () => {
    const { columns } = material()
    return () => eachSegment(columns, fingerprint)
  },
  'decode, reassemble a segment': () => flows(() => ({ open: () => IDLE, end: nothing })),
  'decode, reassemble, parse, pair a segment': () =>
    flows(() => {
      const http = new HttpStage({
        limits: DEFAULT_HTTP_LIMITS,
        bodies: false,
        telemetry: newTelemetry(),
        sink: null,
      })
      return { open: http.open, end: nothing }
    }),
  'scan the head of a request, framing only': () => scanning(REQUEST, FRAMING_NAMES),
  'scan the head of a request, all fields': () => scanning(REQUEST, ALL_NAMES),
  'scan the head of a response, framing only': () => scanning(RESPONSE, FRAMING_NAMES),
  'scan the head of a response, all fields': () => scanning(RESPONSE, ALL_NAMES),
  'chunk framing of 1 KiB': () => {
    const chunk = Buffer.from(`400\r\n${'x'.repeat(1024)}\r\n`.repeat(64))
    const reader = new ChunkedReader()
    const message = new HttpMessage()
    return () => {
      reader.start()
      for (let at = 0; at < chunk.length; ) {
        at = reader.step(chunk, at, chunk.length, message, 1024)
        if (!reader.inData) continue
        at += reader.left
        reader.took(reader.left)
      }
      return 64
    }
  },
}

/** Nanoseconds of CPU per operation, one figure per round. */
function measured(pass: Pass): number[] {
  for (const end = seconds() + WARM_UP_SECONDS; seconds() < end; ) pass()
  return Array.from({ length: ROUNDS }, () => {
    const start = seconds()
    let operations = 0
    do operations += pass()
    while (seconds() - start < ROUND_SECONDS)
    return ((seconds() - start) * 1e9) / operations
  })
}

function seconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const [name] = process.argv.slice(2)
if (name === undefined) {
  syntheticCapture(CACHE, PAIRS)
  process.stdout.write(`| operation | ns of CPU, median (min..max) of ${ROUNDS} |\n|---|---|\n`)
  for (const one of Object.keys(CASES)) {
    const output = execFileSync(process.execPath, [process.argv[1]!, one], { encoding: 'utf8' })
    process.stdout.write(`| ${one} | ${output.trim()} |\n`)
  }
} else {
  const rounds = measured(CASES[name]!())
  process.stdout.write(`${spread(rounds, median(rounds) < 100 ? 1 : 0)}\n`)
}
