import { Breaker } from './breaker.ts'
import type { Delivery } from './delivery.ts'
import { isCommand } from './events.ts'
import {
  type Answer,
  boundedRetryAfter,
  judge,
  MAX_NOTIFICATION_AGE_MS,
  MAX_REQUEST_AGE_MS,
  nextDelay,
} from './retry.ts'

export interface QueueLimits {
  /** Deliveries that wait, and the bytes of their events. */
  readonly pending: number
  readonly pendingBytes: number
}

/** A delivery that waits or is under way. */
export interface Queued {
  readonly delivery: Delivery
  readonly bytes: number
  /** On disk: nothing is sent before. */
  ready: boolean
  inFlight: boolean
}

/** What making room and passing of time did to others, for the outbox to record. */
export interface Removed {
  readonly queued: Queued
  /** `superseded`, `dropped`: forgotten. `dead`: kept as a dead letter. */
  readonly how: 'superseded' | 'dropped' | 'dead'
  readonly why: string
}

const NOTIFICATIONS_AT_ONCE = 8
const COMMANDS_AT_ONCE = 16
const UPDATED = 'offpath.incident.updated.v1'

/**
 * What waits for one endpoint, and what may be sent now. Holds no clock, no disk and no network.
 *
 *   lane "n incident 1"   opened -> updated -> closed       one at a time, in order
 *   lane "c incident 1"   requested -> reverted             one at a time, in order
 *   lane "n incident 2"   opened                            beside the others
 *
 * Commands have lanes of their own: a block must not wait for a notification that is on its slow ladder.
 */
export class EndpointQueue {
  readonly breaker = new Breaker()
  readonly #limits: QueueLimits
  readonly #lanes = new Map<string, Queued[]>()
  /** In order of arrival: what goes first when there is no room. */
  readonly #all = new Set<Queued>()
  readonly #updates = new Set<Queued>()
  #bytes = 0
  #commandsInFlight = 0
  #notificationsInFlight = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#all.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Takes one in; what had to give way for it, itself perhaps, is returned. `supersede`: false when what was waiting is read from disk. */
  add(queued: Queued, supersede = true): Removed[] {
    const removed: Removed[] = []
    const key = laneOf(queued.delivery)
    const last = this.#lanes.get(key)?.at(-1)
    if (supersede && queued.delivery.type === UPDATED && last !== undefined && untouchedUpdate(last)) {
      removed.push({ queued: last, how: 'superseded', why: 'a newer update took its place' })
      this.remove(last)
    }
    const lane = this.#lanes.get(key)
    if (lane === undefined) this.#lanes.set(key, [queued])
    else lane.push(queued)
    this.#all.add(queued)
    if (queued.delivery.type === UPDATED) this.#updates.add(queued)
    this.#bytes += queued.bytes
    while (this.#all.size > this.#limits.pending || this.#bytes > this.#limits.pendingBytes) {
      const victim = this.#victim() ?? queued
      const how = victim.delivery.type === UPDATED ? 'dropped' : 'dead'
      removed.push({ queued: victim, how, why: 'too much was waiting for this endpoint' })
      this.remove(victim)
      if (victim === queued) break
    }
    return removed
  }

  /** Updates go first, then other notifications; commands never for something else. */
  #victim(): Queued | null {
    for (const queued of this.#updates) if (!queued.inFlight) return queued
    for (const queued of this.#all) if (!queued.inFlight && !isCommand(queued.delivery.type)) return queued
    return null
  }

  remove(queued: Queued): void {
    if (!this.#all.delete(queued)) return
    this.#updates.delete(queued)
    this.#bytes -= queued.bytes
    this.#landed(queued)
    const key = laneOf(queued.delivery)
    const lane = this.#lanes.get(key)!
    lane.splice(lane.indexOf(queued), 1)
    if (lane.length === 0) this.#lanes.delete(key)
  }

  /** Everything that is not under way, for an endpoint that is gone. */
  clear(): Queued[] {
    const all = [...this.#all].filter(({ inFlight }) => !inFlight)
    for (const queued of all) this.remove(queued)
    return all
  }

  /** What goes out now, marked as under way, and what is too old to. */
  take(nowMs: number): { readonly send: readonly Queued[]; readonly expired: readonly Removed[] } {
    const send: Queued[] = []
    const expired: Removed[] = []
    for (const lane of [...this.#lanes.values()]) {
      while (lane.length > 0 && !lane[0]!.inFlight && tooOld(lane[0]!.delivery, nowMs)) {
        expired.push({ queued: lane[0]!, how: 'dead', why: 'it waited too long' })
        this.remove(lane[0]!)
      }
      const head = lane[0]
      if (head === undefined || head.inFlight || !head.ready || (head.delivery.nextAttemptMs ?? 0) > nowMs) continue
      if (!this.#mayGo(head.delivery, nowMs)) continue
      head.inFlight = true
      if (isCommand(head.delivery.type)) this.#commandsInFlight += 1
      else this.#notificationsInFlight += 1
      send.push(head)
    }
    return { send, expired }
  }

  #mayGo(delivery: Delivery, nowMs: number): boolean {
    if (isCommand(delivery.type)) return this.#commandsInFlight < COMMANDS_AT_ONCE
    return this.#notificationsInFlight < this.breaker.allowed(nowMs, NOTIFICATIONS_AT_ONCE)
  }

  /** When `take` may have something, as long as nothing is added or settled; null: not before. */
  nextAtMs(nowMs: number): number | null {
    let next: number | null = null
    for (const lane of this.#lanes.values()) {
      const { delivery, inFlight, ready } = lane[0]!
      if (inFlight || !ready) continue
      const command = isCommand(delivery.type)
      const at = Math.max(delivery.nextAttemptMs ?? 0, command ? 0 : this.breaker.opensAtMs)
      // Due but without room: a settled one makes room.
      if (at <= nowMs && !this.#mayGo(delivery, nowMs)) continue
      if (next === null || at < next) next = at
    }
    return next
  }

  /**
   * What came of one that was under way. `delivered`, `dead` and `gone` took it out of the queue; `retry` keeps it, with its next
   * time. The answer to one event speaks for the endpoint too: see Breaker.
   */
  settle(queued: Queued, answer: Answer, nowMs: number, random: () => number): 'delivered' | 'retry' | 'dead' | 'gone' {
    const { delivery } = queued
    const command = isCommand(delivery.type)
    const verdict = judge(answer, command)
    delivery.attempts += 1
    delivery.lastStatus = answer.status
    delivery.lastError = answer.ok ? null : answer.error
    this.#landed(queued)
    if (verdict === 'delivered' || verdict === 'gone') {
      this.breaker.succeeded()
      this.remove(queued)
      return verdict
    }
    if (verdict === 'retry') this.breaker.failed(nowMs, random())
    const retryAfterMs = answer.ok ? null : answer.retryAfterMs
    if (retryAfterMs !== null && (answer.status === 429 || answer.status === 503)) {
      this.breaker.pause(nowMs + boundedRetryAfter(false, retryAfterMs))
    }
    const delay = verdict === 'retry' ? nextDelay(command, delivery.attempts, retryAfterMs, random()) : null
    if (delay === null) {
      this.remove(queued)
      return 'dead'
    }
    delivery.nextAttemptMs = nowMs + delay
    return 'retry'
  }

  #landed(queued: Queued): void {
    if (!queued.inFlight) return
    queued.inFlight = false
    if (isCommand(queued.delivery.type)) this.#commandsInFlight -= 1
    else this.#notificationsInFlight -= 1
  }
}

function laneOf({ type, subject }: Delivery): string {
  return `${isCommand(type) ? 'c' : 'n'} ${subject}`
}

/** One that may have reached the receiver is not taken back. */
function untouchedUpdate({ delivery, inFlight }: Queued): boolean {
  return delivery.type === UPDATED && !inFlight && delivery.attempts === 0
}

function tooOld({ type, queuedAtMs }: Delivery, nowMs: number): boolean {
  if (type === 'offpath.action.requested.v1') return nowMs - queuedAtMs > MAX_REQUEST_AGE_MS
  return !isCommand(type) && nowMs - queuedAtMs > MAX_NOTIFICATION_AGE_MS
}
