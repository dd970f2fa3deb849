/** A record on its way to a topic. */
export interface PublishedRecord {
  /** Records of one key go to one partition. */
  readonly key: string
  readonly value: Buffer
}

/** Costs of a record beside its value. */
const RECORD_BYTES = 150
/** Empty places at the front are let go in steps. */
const COMPACT_AT = 4096

/** What waits to be published, in order of arrival and within a number of bytes: beyond it the oldest go. */
export class PublishBuffer {
  readonly #maxBytes: number
  #records: (PublishedRecord | null)[] = []
  #head = 0
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get records(): number {
    return this.#records.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Returns how many old ones had to go. */
  push(record: PublishedRecord): number {
    this.#records.push(record)
    this.#bytes += costOf(record)
    let dropped = 0
    // The newest stays, whatever its size.
    while (this.#bytes > this.#maxBytes && this.records > 1) {
      this.#shift()
      dropped++
    }
    return dropped
  }

  /** The oldest, at least one where there is one, together at most `maxBytes` of values. */
  take(maxRecords: number, maxBytes: number): PublishedRecord[] {
    const taken: PublishedRecord[] = []
    let bytes = 0
    while (this.records > 0 && taken.length < maxRecords) {
      const size = this.#records[this.#head]!.value.length
      if (taken.length > 0 && bytes + size > maxBytes) break
      bytes += size
      taken.push(this.#shift())
    }
    return taken
  }

  #shift(): PublishedRecord {
    const record = this.#records[this.#head]!
    this.#records[this.#head] = null
    this.#head++
    this.#bytes -= costOf(record)
    if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#records.length) {
      this.#records = this.#records.slice(this.#head)
      this.#head = 0
    }
    return record
  }
}

function costOf({ value }: PublishedRecord): number {
  return value.length + RECORD_BYTES
}
