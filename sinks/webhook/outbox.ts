import { OffpathError } from '../../daemon/telemetry/errors.ts'
import type { Logger } from '../../daemon/telemetry/log.ts'
import { type Delivery, type DeliveryQuestion, type DeliveryRow, type DeliveryState, newDelivery } from './delivery.ts'
import { codeOf, type EndpointOptions, type EndpointStatus, readCa, shownUrl } from './endpoint.ts'
import { EndpointQueue, type Queued, type QueueLimits, type Removed } from './endpoint-queue.ts'
import { type EventKind, type EventType, isCommand, type WebhookEvent } from './events.ts'
import { OutboxRecords } from './outbox-records.ts'
import type { Answer } from './retry.ts'
import { Sender } from './sender.ts'

export interface OutboxOptions {
  /** File of the outbox, in the data folder. */
  readonly path: string
  readonly endpoints: readonly EndpointOptions[]
  /** Sent as user agent: `Offpath/0.1.0`. */
  readonly userAgent: string
  readonly logger: Logger
  /** Told the end of every command's delivery. */
  readonly onOutcome?: (outcome: DeliveryOutcome) => void
  /** Told when a command could not be delivered to an endpoint: somebody must look. */
  readonly onEscalate?: (outcome: DeliveryOutcome) => void
  readonly limits?: QueueLimits
  readonly nowMs?: () => number
  /** 0..1. */
  readonly random?: () => number
}

export interface DeliveryOutcome {
  readonly event: string
  readonly type: EventType
  readonly subject: string
  readonly endpoint: string
  readonly state: Exclude<DeliveryState, 'pending'>
  readonly attempts: number
  readonly error: string | null
}

interface Endpoint {
  readonly options: EndpointOptions
  readonly queue: EndpointQueue
  readonly sender: Sender
  delivered: number
  lastError: string | null
}

const DEFAULT_LIMITS: QueueLimits = { pending: 10_000, pendingBytes: 64 * 1024 * 1024 }
/** The clock may be set meanwhile: no sleep is longer. */
const LONGEST_SLEEP_MS = 60_000

/**
 * Events on their way to the receivers. `publish` resolves when an event is on disk; from then on it ends delivered, dead (kept, can
 * be queued again) or disabled (the receiver answered 410), whatever happens to the process. Delivery is at least once: what was
 * under way when the process ended goes out again with the same webhook-id.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #records: OutboxRecords
  readonly #endpoints = new Map<string, Endpoint>()
  readonly #listeners = new Set<(outcome: DeliveryOutcome) => void>()
  readonly #sending = new Set<Promise<void>>()
  readonly #abort = new AbortController()
  readonly #counts = { delivered: 0, retried: 0, dead: 0, superseded: 0, dropped: 0 }
  #seq: number
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  private constructor(options: OutboxOptions, records: OutboxRecords) {
    this.#options = options
    this.#records = records
    this.#seq = records.lastSeq()
    if (options.onOutcome !== undefined) this.#listeners.add(options.onOutcome)
    const { userAgent, limits = DEFAULT_LIMITS } = options
    for (const endpoint of options.endpoints) {
      const { url, timeoutMs } = endpoint
      const sender = new Sender({ url, ca: readCa(endpoint), timeoutMs, userAgent })
      const queue = new EndpointQueue(limits)
      this.#endpoints.set(endpoint.name, { options: endpoint, queue, sender, delivered: 0, lastError: null })
    }
    this.#restore()
  }

  /** Goes on with what the last process left. */
  static async open(options: OutboxOptions): Promise<Outbox> {
    const { logger } = options
    const records = await OutboxRecords.open(options.path, (error) =>
      logger.error({ code: codeOf(error) }, 'the outbox of webhooks could not be written'),
    )
    const { tornLines } = records
    if (tornLines > 0) logger.warn({ path: options.path, tornLines }, 'the end of the outbox was torn and is cut off')
    return new Outbox(options, records)
  }

  /** Resolves when the event is on disk. One that is known is not sent twice; a command that died is queued again. */
  async publish(event: WebhookEvent): Promise<void> {
    if (this.#stopped) throw new Error('the outbox is closed')
    const nowMs = this.#now()
    const fresh: Delivery[] = []
    const queued: [Endpoint, Queued][] = []
    const done: Promise<void>[] = []
    for (const endpoint of this.#subscribers(event.kind)) {
      const known = this.#records.delivery(endpoint.options.name, event.id)
      if (known !== undefined) {
        const again = known.state === 'dead' && isCommand(event.type) && this.#records.event(event.id) !== undefined
        if (again) done.push(this.#revive(endpoint, known, nowMs))
        continue
      }
      const delivery = newDelivery(event, endpoint.options.name, ++this.#seq, nowMs)
      if (this.#records.isDisabled(endpoint.options.name)) {
        delivery.state = 'disabled'
        delivery.doneAtMs = nowMs
        delivery.nextAttemptMs = null
        delivery.lastError = 'the endpoint is disabled: it answered 410'
      } else {
        queued.push([endpoint, { delivery, bytes: Buffer.byteLength(event.body), ready: false, inFlight: false }])
      }
      fresh.push(delivery)
    }
    if (fresh.length > 0) done.push(this.#records.add(event, fresh, nowMs))
    for (const [endpoint, one] of queued) this.#removed(endpoint.queue.add(one), nowMs)
    try {
      await Promise.all(done)
    } finally {
      // A disk that refuses is the caller's to hear of; what it refused is sent all the same.
      for (const [, one] of queued) one.ready = true
      this.#pump()
      for (const delivery of fresh) if (delivery.state === 'disabled') this.#tell(delivery)
    }
  }

  /** How an event stands, by endpoint. Empty: unknown, or delivered long ago. */
  standing(
    event: string,
  ): readonly { readonly endpoint: string; readonly state: DeliveryState; readonly error: string | null }[] {
    return [...this.#endpoints.keys()].flatMap((endpoint) => {
      const delivery = this.#records.delivery(endpoint, event)
      return delivery === undefined ? [] : [{ endpoint, state: delivery.state, error: delivery.lastError }]
    })
  }

  /** Names of the endpoints that get events of this kind and are not disabled. */
  subscribers(kind: EventKind): readonly string[] {
    return this.#subscribers(kind).flatMap(({ options: { name } }) => (this.#records.isDisabled(name) ? [] : [name]))
  }

  /** Listens to the end of every command's delivery; the answer ends it. */
  onOutcome(listener: (outcome: DeliveryOutcome) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  status(): EndpointStatus[] {
    return [...this.#endpoints.values()].map(({ options: { name, url }, queue, delivered, lastError }) => ({
      endpoint: name,
      url: shownUrl(url),
      state: this.#records.isDisabled(name) ? 'disabled' : queue.breaker.state(),
      pending: queue.size,
      dead: this.#records.deadCount(name),
      delivered,
      last_error: lastError,
    }))
  }

  /** Newest first. */
  deliveries(question: DeliveryQuestion): DeliveryRow[] {
    return this.#records.list(question)
  }

  /** Monotone since the process started. */
  counters(): Readonly<Record<string, number>> {
    const { delivered, retried, dead, superseded, dropped } = this.#counts
    return {
      'webhook.delivered': delivered,
      'webhook.retried': retried,
      'webhook.dead': dead,
      'webhook.dead_evicted': this.#records.deadEvicted,
      'webhook.updates_superseded': superseded,
      'webhook.updates_dropped': dropped,
    }
  }

  /** Queues dead letters again, and takes a disabled endpoint back into service. OFFPATH_E_NOT_FOUND, OFFPATH_E_STATE. */
  async redeliver(which: {
    readonly event?: string
    readonly endpoint?: string
  }): Promise<{ readonly queued: number }> {
    const { event, endpoint } = which
    if (endpoint !== undefined && !this.#endpoints.has(endpoint)) {
      throw new OffpathError('OFFPATH_E_NOT_FOUND', `there is no endpoint ${endpoint}`, {
        at: 'sinks.webhook',
        remedy: `one of: ${[...this.#endpoints.keys()].join(', ') || 'none is configured'}`,
      })
    }
    const asked = [...this.#endpoints.values()].filter(
      ({ options }) => endpoint === undefined || options.name === endpoint,
    )
    const nowMs = this.#now()
    const done: Promise<void>[] = []
    const standing: string[] = []
    for (const one of asked) {
      const { name } = one.options
      const known = event === undefined ? undefined : this.#records.delivery(name, event)
      if (known !== undefined) standing.push(`${name}: ${known.state}`)
      const dead =
        event === undefined ? this.#records.deadOf(name) : known === undefined || !isDead(known) ? [] : [known]
      // Asked for by name, an endpoint is back in service even when nothing of it waits.
      if (dead.length > 0 || (event === undefined && endpoint !== undefined)) this.#records.enable(name)
      for (const delivery of dead) done.push(this.#revive(one, delivery, nowMs))
    }
    if (event !== undefined && done.length === 0) throw notRedeliverable(event, standing)
    await Promise.all(done)
    this.#pump()
    return { queued: done.length }
  }

  /** Lets what is under way end for so long; what waits is on disk. */
  async stop(graceMs: number): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    const late = setTimeout(() => this.#abort.abort(), graceMs)
    await Promise.all(this.#sending)
    clearTimeout(late)
    await Promise.all([...this.#endpoints.values()].map(({ sender }) => sender.close()))
    await this.#records.close()
  }

  #now(): number {
    return (this.#options.nowMs ?? Date.now)()
  }

  #random = (): number => (this.#options.random ?? Math.random)()

  #subscribers(kind: EventKind): Endpoint[] {
    return [...this.#endpoints.values()].filter(({ options }) => options.events.includes(kind))
  }

  #restore(): void {
    const nowMs = this.#now()
    for (const delivery of this.#records.pending()) {
      const endpoint = this.#endpoints.get(delivery.endpoint)
      const event = this.#records.event(delivery.event)
      if (event === undefined) this.#records.forget(delivery)
      else if (endpoint === undefined) this.#bury(delivery, 'dead', 'the endpoint is no longer configured', nowMs)
      else if (this.#records.isDisabled(delivery.endpoint)) this.#bury(delivery, 'disabled', delivery.lastError, nowMs)
      else {
        const queued = { delivery, bytes: Buffer.byteLength(event.body), ready: true, inFlight: false }
        this.#removed(endpoint.queue.add(queued, false), nowMs)
      }
    }
    this.#pump()
  }

  #revive(endpoint: Endpoint, delivery: Delivery, nowMs: number): Promise<void> {
    const bytes = Buffer.byteLength(this.#records.event(delivery.event)!.body)
    delivery.state = 'pending'
    delivery.seq = ++this.#seq
    delivery.queuedAtMs = nowMs
    delivery.attempts = 0
    delivery.nextAttemptMs = nowMs
    delivery.doneAtMs = null
    const done = this.#records.revive(delivery)
    this.#removed(endpoint.queue.add({ delivery, bytes, ready: true, inFlight: false }, false), nowMs)
    return done
  }

  /** Sends what may go, and sleeps until more may. */
  #pump(): void {
    if (this.#stopped) return
    const nowMs = this.#now()
    let next: number | null = null
    for (const endpoint of this.#endpoints.values()) {
      const { send, expired } = endpoint.queue.take(nowMs)
      this.#removed(expired, nowMs)
      for (const queued of send) {
        const sending = this.#send(endpoint, queued).finally(() => this.#sending.delete(sending))
        this.#sending.add(sending)
      }
      const at = endpoint.queue.nextAtMs(nowMs)
      if (at !== null && (next === null || at < next)) next = at
    }
    if (this.#timer !== null) clearTimeout(this.#timer)
    const wait = Math.min(Math.max((next ?? 0) - nowMs, 1), LONGEST_SLEEP_MS)
    this.#timer = next === null ? null : setTimeout(() => this.#pump(), wait)
  }

  async #send(endpoint: Endpoint, queued: Queued): Promise<void> {
    const { delivery } = queued
    const body = Buffer.from(this.#records.event(delivery.event)?.body ?? '')
    const { secrets } = endpoint.options
    const answer = await endpoint.sender.send(delivery.event, body, secrets, this.#now(), this.#abort.signal)
    // Cut off by the stop: it goes out again at the next start.
    if (answer !== null) this.#settled(endpoint, queued, answer)
    this.#pump()
  }

  #settled(endpoint: Endpoint, queued: Queued, answer: Answer): void {
    const nowMs = this.#now()
    const { delivery } = queued
    endpoint.lastError = answer.ok ? null : answer.error
    switch (endpoint.queue.settle(queued, answer, nowMs, this.#random)) {
      case 'delivered':
        endpoint.delivered += 1
        this.#counts.delivered += 1
        delivery.state = 'delivered'
        this.#records.finish(delivery, nowMs)
        this.#tell(delivery)
        return
      case 'retry':
        // It was under way beside the one that was answered 410.
        if (this.#records.isDisabled(delivery.endpoint)) {
          endpoint.queue.remove(queued)
          this.#bury(delivery, 'disabled', delivery.lastError, nowMs)
          return
        }
        this.#counts.retried += 1
        this.#records.save(delivery)
        return
      case 'dead':
        this.#bury(delivery, 'dead', delivery.lastError, nowMs)
        return
      case 'gone': {
        this.#options.logger.error({ endpoint: delivery.endpoint }, 'a webhook endpoint answered 410 and is disabled')
        this.#records.disable(delivery.endpoint, nowMs)
        this.#bury(delivery, 'disabled', delivery.lastError, nowMs)
        for (const other of endpoint.queue.clear()) {
          this.#bury(other.delivery, 'disabled', 'the endpoint is disabled: it answered 410', nowMs)
        }
      }
    }
  }

  #removed(removed: readonly Removed[], nowMs: number): void {
    for (const { queued, how, why } of removed) {
      if (how === 'dead') this.#bury(queued.delivery, 'dead', why, nowMs)
      else {
        this.#counts[how] += 1
        this.#records.forget(queued.delivery)
      }
    }
  }

  #bury(delivery: Delivery, state: 'dead' | 'disabled', why: string | null, nowMs: number): void {
    this.#counts.dead += 1
    delivery.state = state
    delivery.lastError = why
    this.#records.finish(delivery, nowMs)
    const { event, type, endpoint } = delivery
    this.#options.logger.error({ event, type, endpoint, why }, 'a webhook event was not delivered: a dead letter')
    this.#tell(delivery)
  }

  #tell(delivery: Delivery): void {
    const { event, type, subject, endpoint, state, attempts, lastError } = delivery
    if (!isCommand(type) || state === 'pending') return
    const outcome: DeliveryOutcome = { event, type, subject, endpoint, state, attempts, error: lastError }
    const listeners = [...this.#listeners]
    if (state !== 'delivered' && this.#options.onEscalate !== undefined) listeners.push(this.#options.onEscalate)
    for (const listener of listeners) {
      try {
        listener(outcome)
      } catch (error) {
        this.#options.logger.error({ code: codeOf(error) }, 'a listener to webhook deliveries failed')
      }
    }
  }
}

function isDead({ state }: Delivery): boolean {
  return state === 'dead' || state === 'disabled'
}

function notRedeliverable(event: string, standing: readonly string[]): OffpathError {
  if (standing.length === 0) {
    return new OffpathError('OFFPATH_E_NOT_FOUND', `there is no delivery of an event ${event}`, {
      remedy: 'offpath webhook deliveries --state dead',
    })
  }
  return new OffpathError('OFFPATH_E_STATE', `that event is no dead letter (${standing.join(', ')})`, {
    remedy: 'offpath webhook deliveries --state dead',
  })
}
