import { RecordBytes, RecordReader } from '../identity/record-reader.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import type { FromFlowWorker } from './flow-worker.ts'
import type { TelemetryDelta } from './telemetry-delta.ts'

const NEVER = Number.POSITIVE_INFINITY

/** What one worker has sent and the analysis has not taken yet, in the order of keys. */
export class WorkerLane {
  /** Nothing before this key comes any more. */
  upTo: number
  /** Event time of the worker's last batch. */
  now: EventTime = Number.NEGATIVE_INFINITY
  /** Of what comes next; infinite while there is nothing. */
  key = NEVER
  readonly #reader: RecordReader
  readonly #finished: (message: FromFlowWorker, records: RecordBytes | null) => void
  /** Few: a worker waits before there are many. */
  readonly #messages: FromFlowWorker[] = []
  #records: RecordBytes | null = null
  /** Where the next record of the first message begins, and where its next delta stands. */
  #at = 0
  #delta = 0

  /** `finished` gets every message that was read to its end. */
  constructor(keyId: string, upTo: number, finished: (message: FromFlowWorker, records: RecordBytes | null) => void) {
    this.#reader = new RecordReader(keyId)
    this.upTo = upTo
    this.#finished = finished
  }

  push(message: FromFlowWorker): void {
    this.#messages.push(message)
    this.upTo = message.upTo
    this.now = message.now
    if (this.#messages.length === 1) this.#open(message)
  }

  /** What stands next, which has the key `key`: of the same key deltas go first. */
  take(telling: (delta: TelemetryDelta) => void, emit: (transaction: Transaction) => void): void {
    const message = this.#messages[0]!
    const delta = message.deltas[this.#delta]
    if (delta !== undefined && delta[0] === this.key) {
      this.#delta++
      telling(delta[1])
    } else {
      const records = this.#records!
      const record = this.#reader.read(records, this.#at)
      this.#at = records.after(this.#at)
      emit(record)
    }
    this.#look(message)
  }

  #open(message: FromFlowWorker): void {
    this.#records = message.records === null ? null : new RecordBytes(message.records)
    this.#at = 0
    this.#delta = 0
    this.#look(message)
  }

  #look(message: FromFlowWorker): void {
    const record = this.#at < message.length ? this.#records!.keyAt(this.#at) : NEVER
    const delta = message.deltas[this.#delta]
    this.key = delta !== undefined && delta[0] <= record ? delta[0] : record
    if (this.key !== NEVER) return
    this.#messages.shift()
    const records = this.#records
    this.#records = null
    this.#finished(message, records)
    const next = this.#messages[0]
    if (next !== undefined) this.#open(next)
  }
}
