import { hashText } from '../../analyzers/baselines/lookup-hash.ts'
import { CallerProfile } from '../callers/profile.ts'
import { CallerProfiles, type ProfileOptions } from '../callers/profiles.ts'
import { Doorkeeper } from '../endpoints/doorkeeper.ts'
import { callerAddress, type Transaction } from '../model/transaction.ts'
import { BodyReader } from './body-fields.ts'
import { ClientRecord } from './client.ts'
import { FieldBudget } from './field-set.ts'
import { HopTally } from './hops.ts'
import { OperationRecord, operationKey } from './operation.ts'
import { RecentTable } from './recent-table.ts'
import type { InventoryLoss, InventoryState, SnapshotLine } from './snapshot.ts'

export interface InventoryOptions {
  /** Operations of established endpoints, and of candidates; the longest unused go first. */
  readonly maxOperations: number
  readonly maxCandidates: number
  readonly maxFields: number
  /** Callers that came often, and those that did not yet. */
  readonly maxRegulars: number
  readonly maxNewcomers: number
}

export const INVENTORY_DEFAULTS: InventoryOptions = {
  maxOperations: 4096,
  maxCandidates: 512,
  maxFields: 32_768,
  maxRegulars: 2048,
  maxNewcomers: 2048,
}

/** Requests from which a caller is one that comes often: a flood of callers that come once pushes none of these out. */
const REGULAR_FROM = 5
/** Characters of bodies that each request pays for, and that can be saved up: whatever comes, reading bodies stays cheap. */
const EARNED_PER_REQUEST = 128
const MAX_SAVED = 4 * 1024 * 1024

/**
 * What the API is, as seen: every operation with its callers, parameters, answers and sensitive fields, and every caller.
 *
 * Learns in event time from transactions in their total order, keeps no clock and does no I/O. Of values it keeps counts,
 * types, lengths and ranges only (see FieldRecord for the one exception). All tables are bounded; what found no room is
 * counted. Bodies and headers are sampled by count, not by chance: the same input gives the same inventory.
 */
export class Inventory {
  readonly #operations: RecentTable<OperationRecord>
  readonly #candidates: RecentTable<OperationRecord>
  readonly #regulars: RecentTable<ClientRecord>
  readonly #newcomers: RecentTable<ClientRecord>
  readonly #hops = new HopTally()
  readonly #budget: FieldBudget
  readonly #reader = new BodyReader()
  /** When a table of newcomers is full, whoever comes a second time soon gets in: what comes once costs next to nothing. */
  readonly #doors = { operations: new Doorkeeper(), clients: new Doorkeeper() }
  readonly #refused = { operations: 0, clients: 0 }
  readonly #callers: ProfileOptions
  #profiles: CallerProfiles | null = null
  #saved = MAX_SAVED
  #unsampled = 0

  /** `callers`: how to know them, where no analysis runs that does. */
  constructor(options: InventoryOptions = INVENTORY_DEFAULTS, callers: ProfileOptions = {}) {
    this.#callers = callers
    const release = (record: OperationRecord) => record.fields.release()
    this.#operations = new RecentTable(options.maxOperations, release)
    this.#candidates = new RecentTable(options.maxCandidates, release)
    this.#regulars = new RecentTable(options.maxRegulars)
    this.#newcomers = new RecentTable(options.maxNewcomers)
    this.#budget = new FieldBudget(options.maxFields)
  }

  /** After identity and endpoints have seen it. */
  observe(tx: Transaction): void {
    const { principal } = tx
    const key = `${principal.kind} ${principal.id}`
    const caller = hashText(key)
    if (this.#saved < MAX_SAVED) this.#saved += EARNED_PER_REQUEST
    const operation = tx.service === null || tx.endpoint === null ? null : this.#operation(tx, tx.service, tx.endpoint)
    if (operation?.observe(tx, caller) === true) {
      // A path that was seen once may be one of a million made-up ones.
      const worth = operation.established || operation.requests > 1 || this.#saved > MAX_SAVED / 2
      if (worth && this.#saved > 0) this.#saved -= operation.sample(tx, caller, this.#reader)
      else this.#unsampled++
    }
    this.#hops.observe(tx)
    const client = this.#client(key, tx)
    if (client === null) return
    client.observe(tx.time, tx.status, operation?.hash ?? null, hashText(callerAddress(tx)))
    client.profile = this.#profileOf(tx)
  }

  /** What was seen of one endpoint belongs to another: a word in its path turned out to stand for an object. */
  rename(service: string, from: string, to: string): void {
    const old = operationKey(service, from)
    const record = this.#operations.get(old) ?? this.#candidates.get(old)
    if (record === undefined) return
    ;(record.established ? this.#operations : this.#candidates).remove(record)
    const key = operationKey(service, to)
    let target = this.#operations.get(key) ?? this.#candidates.get(key)
    if (target === undefined) {
      target = new OperationRecord(service, to, record.firstSeen, this.#budget)
      target.established = record.established
      ;(target.established ? this.#operations : this.#candidates).add(target)
    }
    target.absorb(record)
    record.fields.release()
  }

  /** As the analysis knows the caller; where none runs, as is found here. */
  #profileOf(tx: Transaction): CallerProfile | null {
    if (tx.caller instanceof CallerProfile) return tx.caller
    if (tx.caller === null) return null
    this.#profiles ??= new CallerProfiles(this.#callers)
    return this.#profiles.observe(tx)
  }

  /** Of an earlier run; before the first transaction. */
  restore({ operations, clients, hops }: InventoryState): void {
    this.#hops.restore(hops)
    for (const state of operations) {
      const record = OperationRecord.fromState(state, this.#budget)
      const table = record.established ? this.#operations : this.#candidates
      if (table.get(record.key) === undefined) table.add(record)
      else record.fields.release()
    }
    for (const state of clients) {
      const record = ClientRecord.fromState(state)
      const table = record.requests >= REGULAR_FROM ? this.#regulars : this.#newcomers
      if (table.get(record.key) === undefined) table.add(record)
    }
  }

  /** Everything, in parts that are made one at a time, so that the caller may pause between them. */
  *snapshot(): IterableIterator<SnapshotLine> {
    yield { kind: 'inventory', version: 1, loss: this.loss() }
    for (const table of [this.#candidates, this.#operations]) {
      for (const record of table.list()) yield { kind: 'operation', operation: record.toState() }
    }
    for (const table of [this.#newcomers, this.#regulars]) {
      for (const record of table.list()) yield { kind: 'client', client: record.toState() }
    }
    for (const hop of this.#hops.list()) yield { kind: 'hop', hop }
  }

  state(): InventoryState {
    return {
      loss: this.loss(),
      operations: [...this.#candidates.list(), ...this.#operations.list()].map((record) => record.toState()),
      clients: [...this.#newcomers.list(), ...this.#regulars.list()].map((record) => record.toState()),
      hops: this.#hops.list(),
    }
  }

  /** Those that have an operation. */
  services(): ReadonlySet<string> {
    return new Set([...this.#candidates.list(), ...this.#operations.list()].map(({ service }) => service))
  }

  /** What found no room, since the start. */
  loss(): InventoryLoss {
    return {
      operations: this.#operations.evicted,
      candidates: this.#candidates.evicted + this.#refused.operations,
      clients: this.#regulars.evicted + this.#newcomers.evicted + this.#refused.clients,
      fields: this.#budget.refused + this.#budget.evicted,
      bodies: this.#unsampled,
    }
  }

  sizes(): Readonly<Record<'operations' | 'candidates' | 'clients' | 'fields', number>> {
    return {
      operations: this.#operations.size,
      candidates: this.#candidates.size,
      clients: this.#regulars.size + this.#newcomers.size,
      fields: this.#budget.held,
    }
  }

  #operation(tx: Transaction, service: string, endpoint: string): OperationRecord | null {
    const key = operationKey(service, endpoint)
    const known = this.#operations.get(key)
    if (known !== undefined) return known
    let record = this.#candidates.get(key)
    if (record === undefined) {
      const full = this.#candidates.size >= this.#candidates.limit
      if (full && !tx.knownEndpoint && !this.#doors.operations.seen(key)) {
        this.#refused.operations++
        return null
      }
      record = new OperationRecord(service, endpoint, tx.time, this.#budget)
      if (!tx.knownEndpoint) this.#candidates.add(record)
    } else if (tx.knownEndpoint) this.#candidates.remove(record)
    if (tx.knownEndpoint) this.#operations.add(record)
    return record
  }

  #client(key: string, tx: Transaction): ClientRecord | null {
    const known = this.#regulars.get(key)
    if (known !== undefined) return known
    let record = this.#newcomers.get(key)
    if (record === undefined) {
      const full = this.#newcomers.size >= this.#newcomers.limit
      if (full && !this.#doors.clients.seen(key)) {
        this.#refused.clients++
        return null
      }
      record = new ClientRecord(key, tx.principal, tx.time)
      this.#newcomers.add(record)
    } else if (record.requests + 1 >= REGULAR_FROM) {
      this.#newcomers.remove(record)
      this.#regulars.add(record)
    }
    return record
  }
}
