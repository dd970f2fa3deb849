import { createHash } from 'node:crypto'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import { Pseudonyms } from '../identity/pseudonym.ts'
import { TransactionIds } from '../identity/transaction-id.ts'
import type { EventTime } from '../model/time.ts'
import type { TapRecord } from './record.ts'

const MAX_PARTITIONS = 4096

/**
 * Ids of transactions made from records: by topic, partition and offset, or by content and line in a file, and by the place
 * within the record. The same record always gives the same ids; nobody without the key can foresee them.
 */
export class RecordIds {
  readonly #pseudonyms: Pseudonyms
  readonly #ids: TransactionIds
  readonly #partitions = new Map<string, Int32Array>()
  readonly #fileKey: Int32Array
  readonly #key = new Int32Array(4)

  constructor(key: PrivacyKey) {
    this.#pseudonyms = new Pseudonyms(key)
    this.#ids = new TransactionIds(this.#pseudonyms)
    this.#fileKey = words(this.#pseudonyms.digest('record', 'file'))
  }

  /** What all transactions of one record share. *Borrowed* until the next call. */
  keyOf(record: TapRecord): Int32Array {
    const { partition } = record
    if (partition !== null) return this.#partitionKey(partition.topic, partition.number)
    const hash = createHash('sha256').update(contentOf(record.value)).digest()
    for (let i = 0; i < 4; i++) this.#key[i] = this.#fileKey[i]! ^ hash.readInt32LE(4 * i)
    return this.#key
  }

  /** `index`: which of the transactions of that record. */
  idOf(key: Int32Array, index: number, position: number, time: EventTime): string {
    const own = index === 0 ? key : new Int32Array([key[0]! ^ index, key[1]!, key[2]!, key[3]!])
    return this.#ids.ofExchange(own, 0, position, time)
  }

  close(): void {
    this.#pseudonyms.close()
  }

  #partitionKey(topic: string, number: number): Int32Array {
    const name = `${topic}\0${number}`
    let key = this.#partitions.get(name)
    if (key === undefined) {
      if (this.#partitions.size >= MAX_PARTITIONS) this.#partitions.clear()
      key = words(this.#pseudonyms.digest('record', name))
      this.#partitions.set(name, key)
    }
    return key
  }
}

function words(digest: Buffer): Int32Array {
  return new Int32Array([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)))
}

function contentOf(value: unknown): string | Buffer {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value
  return JSON.stringify(value) ?? ''
}
