import { Pool } from '../decode/pool.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { BodyBuffers } from './body-buffers.ts'
import { BodyReader } from './body-reader.ts'
import type { ExchangeSink } from './exchange.ts'
import { ExchangeOutlet } from './exchange-outlet.ts'
import { Framing } from './framing.ts'
import { Gather } from './gather.ts'
import { HeadScanner } from './head-scanner.ts'
import { HeadSlabs } from './head-slabs.ts'
import { ALL_NAMES, FRAMING_NAMES } from './known-headers.ts'
import type { HttpLimits } from './limits.ts'
import { HttpMessage } from './message.ts'
import { MessageStart } from './message-start.ts'
import { StartLineSearch } from './start-line-search.ts'
import { TimerQueue } from './timer-queue.ts'

const MAX_FREE_MESSAGES = 4096
const MAX_FREE = 256

/** What the flows of one HTTP stage share: limits, accounts, and working storage that no flow keeps between calls. */
export class HttpContext {
  readonly limits: HttpLimits
  readonly bodies: boolean
  readonly telemetry: Telemetry
  /** Null: nobody looks at the exchanges. Then heads are not kept and messages and pairs are only counted. */
  readonly sink: ExchangeSink | null
  readonly scanner: HeadScanner
  readonly search: StartLineSearch
  readonly framing = new Framing()
  /** Of a message whose head lies whole in what is delivered; of others it is with what is gathered. */
  readonly start = new MessageStart()
  readonly slabs = new HeadSlabs()
  readonly buffers = new BodyBuffers()
  readonly outlet: ExchangeOutlet
  readonly messages = new Pool(() => new HttpMessage(), MAX_FREE_MESSAGES)
  /** For directions in the middle of a body. */
  readonly bodyReaders: Pool<BodyReader>
  /** For directions in the middle of a head, or without one to go on with. */
  readonly gathers = new Pool(() => new Gather(), MAX_FREE)
  /** Complete requests without an answer. */
  readonly waiting: TimerQueue
  /** Answers paired after a loss, until nothing speaks against them. */
  readonly held: TimerQueue

  constructor(limits: HttpLimits, bodies: boolean, telemetry: Telemetry, sink: ExchangeSink | null) {
    this.limits = limits
    this.bodies = bodies
    this.telemetry = telemetry
    this.sink = sink
    this.outlet = new ExchangeOutlet(telemetry, sink, this.slabs, this.buffers)
    this.scanner = new HeadScanner(limits, sink === null ? FRAMING_NAMES : ALL_NAMES)
    this.bodyReaders = new Pool(() => new BodyReader(this), MAX_FREE)
    this.search = new StartLineSearch(this.scanner.line)
    this.waiting = new TimerQueue(limits.responseWaitUs)
    this.held = new TimerQueue(limits.tentativeHoldUs)
  }
}
