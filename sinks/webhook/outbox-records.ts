import { DurableMap } from '../../daemon/durable/durable-map.ts'
import {
  type Delivery,
  type DeliveryQuestion,
  type DeliveryRow,
  deliveryKey,
  type EndpointRecord,
  endpointKey,
  eventKey,
  listDeliveries,
  type OutboxRecord,
} from './delivery.ts'
import type { WebhookEvent } from './events.ts'

/** Delivered ones are kept for the list, without the event. */
const MAX_DELIVERED = 1000
const MAX_DEAD = 10_000
const MAX_DEAD_BYTES = 64 * 1024 * 1024
const MAX_DEAD_AGE_MS = 30 * 24 * 3_600_000

/**
 * The outbox on disk: each event once, one record per delivery, and which endpoints are disabled. An event goes when nobody can ask
 * for it any more. Dead letters are bounded; the oldest go first, counted.
 */
export class OutboxRecords {
  readonly #map: DurableMap<OutboxRecord>
  readonly #failed: (error: unknown) => void
  /** Deliveries that may still need the event. */
  readonly #needed = new Map<string, number>()
  /** Keys, oldest first. */
  readonly #delivered = new Set<string>()
  readonly #dead = new Map<string, { readonly endpoint: string; readonly bytes: number }>()
  #deadBytes = 0
  /** Dead letters that made room for newer ones, or grew too old. */
  deadEvicted = 0

  private constructor(map: DurableMap<OutboxRecord>, failed: (error: unknown) => void) {
    this.#map = map
    this.#failed = failed
    const done: Delivery[] = []
    for (const [key, record] of map.entries()) {
      if (!key.startsWith('d/')) continue
      const delivery = record as Delivery
      if (delivery.state === 'pending') this.#need(delivery.event)
      else done.push(delivery)
    }
    for (const delivery of done.sort((a, b) => (a.doneAtMs ?? 0) - (b.doneAtMs ?? 0))) this.#filed(delivery)
    for (const key of [...map.entries()].flatMap(([key]) => (key.startsWith('e/') ? [key] : []))) {
      if (!this.#needed.has(key.slice(2))) this.#written(map.delete(key))
    }
  }

  static async open(path: string, failed: (error: unknown) => void): Promise<OutboxRecords> {
    return new OutboxRecords(await DurableMap.open<OutboxRecord>(path), failed)
  }

  /** Lines at the end of the file that could not be read. */
  get tornLines(): number {
    return this.#map.tornLines
  }

  event(id: string): WebhookEvent | undefined {
    return this.#map.get(eventKey(id)) as WebhookEvent | undefined
  }

  delivery(endpoint: string, event: string): Delivery | undefined {
    return this.#map.get(deliveryKey(endpoint, event)) as Delivery | undefined
  }

  isDisabled(endpoint: string): boolean {
    return this.#map.get(endpointKey(endpoint)) !== undefined
  }

  /** Dead letters of an endpoint, those of a disabled one included. */
  deadOf(endpoint: string): Delivery[] {
    const found: Delivery[] = []
    for (const [key, dead] of this.#dead) {
      if (dead.endpoint === endpoint) found.push(this.#map.get(key) as Delivery)
    }
    return found
  }

  deadCount(endpoint: string): number {
    let count = 0
    for (const dead of this.#dead.values()) if (dead.endpoint === endpoint) count += 1
    return count
  }

  /** In order of sending. */
  pending(): Delivery[] {
    const found: Delivery[] = []
    for (const [key, record] of this.#map.entries()) {
      if (key.startsWith('d/') && (record as Delivery).state === 'pending') found.push(record as Delivery)
    }
    return found.sort((a, b) => a.seq - b.seq)
  }

  lastSeq(): number {
    let last = 0
    for (const [key, record] of this.#map.entries()) {
      if (key.startsWith('d/')) last = Math.max(last, (record as Delivery).seq)
    }
    return last
  }

  list(question: DeliveryQuestion): DeliveryRow[] {
    return listDeliveries(this.#map.entries(), question)
  }

  /** A new event with its deliveries: on disk, all of it, when the promise resolves. */
  async add(event: WebhookEvent, deliveries: readonly Delivery[], nowMs: number): Promise<void> {
    const done: Promise<void>[] = []
    if (this.event(event.id) === undefined) done.push(this.#map.set(eventKey(event.id), event))
    for (const delivery of deliveries) {
      done.push(this.#map.set(deliveryKey(delivery.endpoint, delivery.event), delivery))
      if (delivery.state === 'pending') this.#need(delivery.event)
      else this.#filed(delivery)
    }
    this.#bound(nowMs)
    await Promise.all(done)
  }

  /** A pending delivery has changed; should the disk refuse, it is told again with the next change. */
  save(delivery: Delivery): void {
    this.#written(this.#map.set(deliveryKey(delivery.endpoint, delivery.event), delivery))
  }

  /** A pending delivery came to an end: its state says which. */
  finish(delivery: Delivery, nowMs: number): void {
    delivery.doneAtMs = nowMs
    delivery.nextAttemptMs = null
    this.save(delivery)
    this.#filed(delivery)
    this.#unneed(delivery.event)
    this.#bound(nowMs)
  }

  /** A dead letter is pending again. On disk when the promise resolves. */
  revive(delivery: Delivery): Promise<void> {
    this.#need(delivery.event)
    this.#unfile(deliveryKey(delivery.endpoint, delivery.event))
    return this.#map.set(deliveryKey(delivery.endpoint, delivery.event), delivery)
  }

  /** A pending delivery that nobody wants any more. */
  forget(delivery: Delivery): void {
    this.#written(this.#map.delete(deliveryKey(delivery.endpoint, delivery.event)))
    this.#unneed(delivery.event)
  }

  disable(endpoint: string, nowMs: number): void {
    const record: EndpointRecord = { disabledAtMs: nowMs }
    this.#written(this.#map.set(endpointKey(endpoint), record))
  }

  enable(endpoint: string): void {
    this.#written(this.#map.delete(endpointKey(endpoint)))
  }

  close(): Promise<void> {
    return this.#map.close()
  }

  #filed(delivery: Delivery): void {
    const key = deliveryKey(delivery.endpoint, delivery.event)
    if (delivery.state === 'delivered') {
      this.#delivered.add(key)
      return
    }
    const bytes = this.event(delivery.event)?.body.length ?? 0
    this.#dead.set(key, { endpoint: delivery.endpoint, bytes })
    this.#deadBytes += bytes
    this.#need(delivery.event)
  }

  #unfile(key: string): void {
    const dead = this.#dead.get(key)
    if (dead === undefined) return
    this.#dead.delete(key)
    this.#deadBytes -= dead.bytes
    this.#unneed((this.#map.get(key) as Delivery).event)
  }

  #bound(nowMs: number): void {
    for (const key of this.#delivered) {
      if (this.#delivered.size <= MAX_DELIVERED) break
      this.#delivered.delete(key)
      this.#written(this.#map.delete(key))
    }
    for (const key of this.#dead.keys()) {
      const old = nowMs - ((this.#map.get(key) as Delivery).doneAtMs ?? nowMs) > MAX_DEAD_AGE_MS
      if (!old && this.#dead.size <= MAX_DEAD && this.#deadBytes <= MAX_DEAD_BYTES) break
      this.#unfile(key)
      this.#written(this.#map.delete(key))
      this.deadEvicted += 1
    }
  }

  #need(event: string): void {
    this.#needed.set(event, (this.#needed.get(event) ?? 0) + 1)
  }

  #unneed(event: string): void {
    const left = (this.#needed.get(event) ?? 1) - 1
    if (left > 0) {
      this.#needed.set(event, left)
      return
    }
    this.#needed.delete(event)
    this.#written(this.#map.delete(eventKey(event)))
  }

  #written(done: Promise<void>): void {
    done.catch(this.#failed)
  }
}

/** The deliveries of an outbox that no process has open. */
export async function readDeliveries(path: string, question: DeliveryQuestion): Promise<DeliveryRow[]> {
  return listDeliveries(await DurableMap.read<OutboxRecord>(path), question)
}
