import { writeTransaction } from '../../sinks/native-json.ts'
import { JsonText, literal } from '../model/json-text.ts'
import type { Transaction } from '../model/transaction.ts'

/** Lines are handed on in pieces of about this many bytes. */
const PIECE_BYTES = 64 * 1024
/** Room behind that for the line that crosses the mark; a longer one makes its piece larger. */
const SPARE_BYTES = 64 * 1024
/** Pieces kept for reuse: about what one batch of frames writes before anyone can wait. */
const MAX_FREE = 48
const LINE_FEED = literal('\n')

type Write = (bytes: Buffer, done: () => void) => void | Promise<void>

/**
 * Transactions as JSON Lines, put together as bytes from field to file: as strings, each line would be copied three
 * times more, and leave as much garbage. Buffers go round: one is used again when its writer is done with it.
 */
export class TransactionLines {
  readonly #write: Write
  readonly #text = new JsonText()
  readonly #free: Buffer[] = []
  #waiting: Promise<void> | null = null

  constructor(write: Write) {
    this.#write = write
    this.#text.handOver(newPiece())
  }

  write(transaction: Transaction): void {
    writeTransaction(transaction, this.#text)
    this.#text.raw(LINE_FEED)
    if (this.#text.length >= PIECE_BYTES) this.#handOn()
  }

  /** When the writer asked to wait: what to wait for, between batches. */
  drained(): Promise<void> | undefined {
    const waiting = this.#waiting
    if (waiting === null) return undefined
    this.#waiting = null
    return waiting
  }

  /** Hands on the rest. */
  async end(): Promise<void> {
    if (this.#text.length > 0) this.#handOn()
    await this.drained()
  }

  #handOn(): void {
    const bytes = this.#text.handOver(this.#free.pop() ?? newPiece())
    const waiting = this.#write(bytes, () => {
      const whole = bytes.buffer.byteLength
      if (whole === PIECE_BYTES + SPARE_BYTES && this.#free.length < MAX_FREE)
        this.#free.push(Buffer.from(bytes.buffer))
    })
    if (waiting !== undefined) this.#waiting = waiting
  }
}

function newPiece(): Buffer {
  return Buffer.allocUnsafeSlow(PIECE_BYTES + SPARE_BYTES)
}
