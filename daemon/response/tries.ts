import type { Action, Connector, ConnectorResult } from '../model/action.ts'
import type { Incident } from '../model/incident.ts'

/** Longest that a try may take. */
export const TRY_LIMIT_MS = 30_000
/** Most tries of one connector under way at once: one that is down must not keep the others waiting. */
const MAX_TRIES = 16

export type Phase = 'apply' | 'revert'

export interface TryAnswer {
  readonly id: string
  readonly phase: Phase
  readonly result: ConnectorResult
  /** The try was over already: its time limit had passed. */
  readonly late: boolean
  /** No earlier try to apply was open when this one began: what is taken back then stays so. */
  readonly clean: boolean
}

/** When a try may be sent. */
export interface Leave {
  /** The try is told on disk first. Resolves with why that failed, and it is not sent; or null. */
  readonly saved: Promise<string | null>
  /** Asked at the last moment. */
  readonly wanted: () => boolean
}

interface Flight {
  readonly connector: string
  readonly phase: Phase
  readonly startedMs: number
  readonly abort: AbortController
  readonly clean: boolean
  over: boolean
}

/** The calls of connectors that are under way: at most one per action, each with an end. Answers go to `answered`, once each. */
export class Tries {
  readonly #flights = new Map<string, Flight>()
  /** Their number by connector. */
  readonly #counts = new Map<string, number>()
  /** Calls to apply that did not come back yet, by action, also those whose time limit passed: they may still do it. */
  readonly #open = new Map<string, number>()
  /** Also those whose time limit passed. */
  readonly #running = new Set<Promise<void>>()
  readonly #answered: (answer: TryAnswer) => Promise<void>

  constructor(answered: (answer: TryAnswer) => Promise<void>) {
    this.#answered = answered
  }

  /** Whether the connector has as many tries under way as it may. */
  isFull(connector: string): boolean {
    return (this.#counts.get(connector) ?? 0) >= MAX_TRIES
  }

  has(id: string): boolean {
    return this.#flights.has(id)
  }

  begin(
    action: Action,
    incident: Incident | null,
    connector: Connector | undefined,
    leave: Leave,
    nowMs: number,
  ): void {
    const phase: Phase = action.state === 'reverting' ? 'revert' : 'apply'
    const clean = !this.#open.has(action.id)
    const flight: Flight = {
      connector: action.connector,
      phase,
      startedMs: nowMs,
      abort: new AbortController(),
      clean,
      over: false,
    }
    this.#flights.set(action.id, flight)
    this.#counts.set(action.connector, (this.#counts.get(action.connector) ?? 0) + 1)
    if (phase === 'apply') this.#open.set(action.id, (this.#open.get(action.id) ?? 0) + 1)
    const run = async (): Promise<void> => {
      const fault = (await leave.saved) ?? (leave.wanted() ? null : 'ended before it was sent')
      const result = fault === null ? await call(action, incident, connector, phase, flight) : unsent(fault)
      const late = flight.over
      this.#end(action.id, flight)
      if (phase === 'apply') this.#close(action.id)
      await this.#answered({ id: action.id, phase, result, late, clean })
    }
    const running = run().finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Ends the tries whose time is over; what they answer later is late. */
  async expire(nowMs: number): Promise<void> {
    const over = [...this.#flights].filter(([, { startedMs }]) => nowMs - startedMs >= TRY_LIMIT_MS)
    await Promise.all(
      over.map(([id, flight]) => {
        this.#end(id, flight)
        flight.abort.abort()
        const error = `no answer within ${TRY_LIMIT_MS / 1000} s`
        return this.#answered({
          id,
          phase: flight.phase,
          result: { ok: false, retry: true, error, uncertain: true },
          late: false,
          clean: flight.clean,
        })
      }),
    )
  }

  /** Ends them all without waiting for an answer. */
  abort(): void {
    for (const flight of this.#flights.values()) flight.abort.abort()
  }

  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running])
  }

  #close(id: string): void {
    const left = (this.#open.get(id) ?? 1) - 1
    if (left === 0) this.#open.delete(id)
    else this.#open.set(id, left)
  }

  #end(id: string, flight: Flight): void {
    if (!flight.over) this.#counts.set(flight.connector, this.#counts.get(flight.connector)! - 1)
    flight.over = true
    if (this.#flights.get(id) === flight) this.#flights.delete(id)
  }
}

async function call(
  action: Action,
  incident: Incident | null,
  connector: Connector | undefined,
  phase: Phase,
  { abort }: Flight,
): Promise<ConnectorResult> {
  // A rehearsal goes the whole way; only this call is left out.
  if (action.simulated) return { ok: true, receipt: {} }
  if (connector === undefined) return unsent(`there is no connector ${action.connector} any more`)
  try {
    return await connector[phase]({ action, incident, signal: abort.signal })
  } catch (error) {
    return { ok: false, retry: true, error: `connector ${connector.name}: ${String(error)}`, uncertain: true }
  }
}

function unsent(error: string): ConnectorResult {
  return { ok: false, retry: true, error }
}
