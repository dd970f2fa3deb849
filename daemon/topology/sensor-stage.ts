import type { PublishedRecord } from '../../sinks/kafka/publish-buffer.ts'
import { writeTransaction } from '../../sinks/native-json.ts'
import { NOBODY, TransactionRecord } from '../identity/record.ts'
import type { Resolver } from '../identity/resolver.ts'
import { JsonText } from '../model/json-text.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Counters } from '../telemetry/counters.ts'
import { type Occupancies, prefixed } from '../telemetry/occupancy.ts'
import type { Analysis } from './flows.ts'
import { MAX_RECORD_BYTES } from './kafka-limits.ts'

/**
 * A transaction as a sensor hands it on: redacted, judged where that needs the secret itself (guesses of passwords), and
 * without a principal, endpoint or service, which the analyzers find from more than one sensor sees.
 */
export class SensorStage implements Analysis {
  readonly #resolver: Resolver
  readonly #counters: Counters
  readonly #publish: (record: PublishedRecord) => void
  readonly #text = new JsonText()
  /** Takes turns with the one that is being written. */
  #spare = newSpare()
  readonly #sense: (now: EventTime) => unknown
  readonly watches = true
  readonly readsContents = true
  readonly keepsContents = false

  /** `sense` brings what is known of the sources up to each tick. */
  constructor(
    resolver: Resolver,
    counters: Counters,
    publish: (record: PublishedRecord) => void,
    sense: (now: EventTime) => unknown,
  ) {
    this.#sense = sense
    this.#resolver = resolver
    this.#counters = counters
    this.#publish = publish
  }

  push(transaction: Transaction): void {
    this.#resolver.resolve(transaction)
    const key = partitionKeyOf(transaction)
    if (transaction instanceof TransactionRecord) transaction.principal = transaction.givenPrincipal ?? NOBODY
    writeTransaction(transaction, this.#text)
    const written = this.#text.handOver(this.#spare)
    this.#spare = written.buffer.byteLength > MAX_SPARE_BYTES ? newSpare() : Buffer.from(written.buffer)
    if (written.length > MAX_RECORD_BYTES) this.#counters.add('publish.too_long')
    else this.#publish({ key, value: Buffer.from(written) })
  }

  /** Nothing waits here. */
  tick(now: EventTime): void {
    this.#sense(now)
  }

  sizes(): Occupancies {
    return prefixed('identity', this.#resolver.sizes())
  }
}

const SPARE_BYTES = 16 * 1024
const MAX_SPARE_BYTES = 1024 * 1024

function newSpare(): Buffer {
  return Buffer.allocUnsafeSlow(SPARE_BYTES)
}

/**
 * What keeps the requests of one caller together: the strongest credential it showed, once an answer has accepted one, else
 * its address. Never the user or client that a session turned out to belong to, which only the sensor knows that saw the login.
 * Credentials that are made up count for nothing, so whoever guesses stays with its address.
 */
export function partitionKeyOf(transaction: Transaction): string {
  const { principal } = transaction
  if (principal.kind === 'ip') return principal.app ?? principal.id
  const mayBeOwner = principal.kind === 'user' || principal.via === 'client_id'
  if (!mayBeOwner || !(transaction instanceof TransactionRecord)) return principal.id
  const { user, basic, sessions } = transaction.presented
  if ([user, basic].some((credential) => credential?.principal.id === principal.id)) return principal.id
  return sessions[0]?.principal.id ?? principal.id
}
