import { createHash } from 'node:crypto'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import { Pseudonyms } from '../identity/pseudonym.ts'
import { type IdKey, idKeyOf, TransactionIds } from '../identity/transaction-id.ts'
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
  readonly #partitions = new Map<string, IdKey>()
  readonly #fileKey: IdKey

  constructor(key: PrivacyKey) {
    this.#pseudonyms = new Pseudonyms(key)
    this.#ids = new TransactionIds(this.#pseudonyms)
    this.#fileKey = idKeyOf(this.#pseudonyms.digest('record', 'file'))
  }

  /** What all transactions of one record share. */
  keyOf(record: TapRecord): IdKey {
    const { partition } = record
    if (partition !== null) return this.#partitionKey(partition.topic, partition.number)
    const hash = createHash('sha256').update(contentOf(record.value)).digest()
    const [a, b, c, d] = idKeyOf(hash)
    const [e, f, g, h] = this.#fileKey
    return [a ^ e, b ^ f, c ^ g, d ^ h]
  }

  /** `index`: which of the transactions of that record. */
  idOf(key: IdKey, index: number, position: number, time: EventTime): string {
    const [first, ...others] = key
    return this.#ids.ofExchange([first ^ index, ...others], 0, position, time)
  }

  close(): void {
    this.#pseudonyms.close()
  }

  #partitionKey(topic: string, number: number): IdKey {
    const name = `${topic}\0${number}`
    let key = this.#partitions.get(name)
    if (key === undefined) {
      if (this.#partitions.size >= MAX_PARTITIONS) this.#partitions.clear()
      key = idKeyOf(this.#pseudonyms.digest('record', name))
      this.#partitions.set(name, key)
    }
    return key
  }
}

function contentOf(value: unknown): string | Buffer {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value
  return JSON.stringify(value) ?? ''
}
