import type { EventTime } from '../model/time.ts'
import type { HttpMessage } from './message.ts'
import type { MessageReader } from './message-reader.ts'
import type { LineKind } from './start-line.ts'

/** What a parser tells its flow. `begun` comes once the head is read, `ended` exactly once for each message begun. */
export interface ParserOwner {
  /** The first start line of the flow tells which side is the client: sets `want` of both parsers. */
  decided(parser: MessageReader, kind: LineKind): void
  /** The method of the request this response answers; '' when that is not known (yet). Requests: ignored. */
  begun(parser: MessageReader, message: HttpMessage, now: EventTime): string
  interim(parser: MessageReader, message: HttpMessage): void
  ended(parser: MessageReader, message: HttpMessage, now: EventTime): void
  /** From here on heads may be missing. */
  lost(parser: MessageReader, now: EventTime): void
  /** No start line where one should be, in a flow whose sides are thought to be known. */
  misread(parser: MessageReader, now: EventTime): void
  /** No start line where one should be: true when the flow is therefore taken for something else. */
  notHttp(parser: MessageReader, now: EventTime): boolean
  upgraded(now: EventTime): void
  /** `count` bytes were skipped on the way to a start line. */
  skipped(count: number): void
}
