import { type SourceSample, SourceTallies } from './source-tallies.ts'

/**
 * The loss funnel: in = delivered + each named cause, for frames, bytes, messages and pairs. It is a promise to the user
 * and a test, so every place that lets something go calls `drop` with a name from DROP_CAUSES.
 *
 * frames    in: read from a source (kernel drops included). delivered: a TCP segment that reached its flow.
 *           Of a segment that came in IP fragments the last frame counts as the segment does, the others as delivered.
 * bytes     in: TCP payload bytes of delivered frames, as on the wire. delivered: handed in order to the HTTP parser and used as HTTP.
 * messages  in: HTTP messages whose start line was recognised. delivered: part of an emitted transaction.
 * pairs     in: final transactions of either kind. delivered: emitted with a request and a response.
 */
export const DROP_CAUSES = {
  frames: [
    'kernel', // the ring was full: pcap stats
    'interface', // the interface dropped it: pcap stats
    'link_type', // a link type we do not decode
    'malformed', // headers that contradict themselves
    'truncated', // the snap length cut into the headers
    'not_ip',
    'not_tcp',
    'fragment', // an IP fragment whose datagram never became whole
    'tunnel_depth', // a tunnel in more than four others
    'duplicate', // the same packet mirrored twice
    'no_flow', // a bare ACK, FIN or RST of no known flow
    'shed', // whole flows given up under overload
  ],
  bytes: [
    'retransmitted', // seen before, the first copy won
    'late', // came after their hole had been given up
    'snap_length', // on the wire but not captured
    'out_of_window', // far from anything expected
    'held_lost', // held behind a hole when its flow was closed or evicted
    'not_http', // a flow that speaks something else
    'after_upgrade', // CONNECT, 101: no longer HTTP
    'resync', // skipped while looking for the next start line
    'one_sided', // bytes of a head or body whose message was given up
  ],
  messages: [
    'interim', // 1xx other than 101
    'gap', // its head had a hole
    'limit', // over a size or count limit
    'closed', // the flow ended inside the head
  ],
  pairs: [
    'request_only_timeout',
    'request_only_close',
    'request_only_end',
    'request_only_gap',
    'request_only_ambiguous',
    'request_only_limit',
    'response_only',
    'response_only_ambiguous',
    'native_one_sided', // a native record that came with one side
  ],
} as const

export type FunnelStage = keyof typeof DROP_CAUSES

/** JSON form of one stage: contracts.md, replay summary. */
export interface LedgerTotals {
  in: number
  delivered: number
  dropped: Record<string, number>
}

/** One stage of the funnel. Counting is field arithmetic: it stands on the packet path. */
export class Ledger<Cause extends string> {
  in = 0
  delivered = 0
  readonly #causes: readonly Cause[]
  readonly #index: Readonly<Record<string, number>>
  readonly #dropped: Float64Array

  constructor(causes: readonly Cause[]) {
    this.#causes = causes
    this.#index = Object.fromEntries(causes.map((cause, index) => [cause, index]))
    this.#dropped = new Float64Array(causes.length)
  }

  drop(cause: Cause, count = 1): void {
    const index = this.#index[cause]!
    this.#dropped[index]! += count
  }

  dropped(cause: Cause): number {
    return this.#dropped[this.#index[cause]!]!
  }

  /** in - delivered - dropped: 0 when everything is accounted for and nothing is still held. */
  unexplained(): number {
    return this.#dropped.reduce((rest, count) => rest - count, this.in - this.delivered)
  }

  add(totals: LedgerTotals): void {
    this.in += totals.in
    this.delivered += totals.delivered
    for (const [cause, count] of Object.entries(totals.dropped)) this.drop(cause as Cause, count)
  }

  totals(): LedgerTotals {
    const dropped: Record<string, number> = {}
    this.#causes.forEach((cause, index) => {
      const count = this.#dropped[index]!
      if (count > 0) dropped[cause] = count
    })
    return { in: this.in, delivered: this.delivered, dropped }
  }
}

type Causes<Stage extends FunnelStage> = (typeof DROP_CAUSES)[Stage][number]

export class LossFunnel {
  readonly frames = new Ledger<Causes<'frames'>>(DROP_CAUSES.frames)
  readonly bytes = new Ledger<Causes<'bytes'>>(DROP_CAUSES.bytes)
  readonly messages = new Ledger<Causes<'messages'>>(DROP_CAUSES.messages)
  readonly pairs = new Ledger<Causes<'pairs'>>(DROP_CAUSES.pairs)
  /** The same by source, as far as it can be told apart there. */
  readonly sources = new SourceTallies()
  /** What of the ledgers the tallies have: frames in and delivered, bytes in, frames shed. */
  readonly #told = new Float64Array(4)

  /** The frames that follow come from this source. Asked for once a batch, not once a frame. */
  from(source: { readonly kind: string; readonly name: string }): void {
    const { current } = this.sources
    if (current.name === source.name && current.kind === source.kind) return
    this.#settle()
    this.sources.current = this.sources.of(source)
  }

  /** Frames of this source that never came as far as here. */
  lostOutside(source: { readonly kind: string; readonly name: string }, kernel: number, network: number): void {
    this.#settle()
    const { frames } = this
    frames.in += kernel + network
    frames.drop('kernel', kernel)
    frames.drop('interface', network)
    const tally = this.sources.of(source)
    tally.frames += kernel + network
    tally.kernelDrops += kernel
    tally.interfaceDrops += network
    this.#told[0] = frames.in
  }

  /** Counts what another funnel counted, by source as well. */
  add(totals: Readonly<Record<FunnelStage, LedgerTotals>>, sources: readonly SourceSample[]): void {
    this.#settle()
    this.frames.add(totals.frames)
    this.bytes.add(totals.bytes)
    this.messages.add(totals.messages)
    this.pairs.add(totals.pairs)
    this.#tell()
    for (const sample of sources) this.sources.of(sample).add(sample)
  }

  /** By source, up to now. */
  bySource(): SourceSample[] {
    this.#settle()
    return this.sources.samples()
  }

  /** Gives what was counted since the last time to the source that is being read. */
  #settle(): void {
    const told = this.#told
    const { current } = this.sources
    const { frames, bytes } = this
    current.frames += frames.in - told[0]!
    current.segments += frames.delivered - told[1]!
    current.bytes += bytes.in - told[2]!
    const shed = frames.dropped('shed')
    current.shedFrames += shed - told[3]!
    this.#tell()
  }

  #tell(): void {
    const told = this.#told
    told[0] = this.frames.in
    told[1] = this.frames.delivered
    told[2] = this.bytes.in
    told[3] = this.frames.dropped('shed')
  }

  totals(): Record<FunnelStage, LedgerTotals> {
    return {
      frames: this.frames.totals(),
      bytes: this.bytes.totals(),
      messages: this.messages.totals(),
      pairs: this.pairs.totals(),
    }
  }
}
