import { createServer, type Server, type Socket } from 'node:net'
import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import { liveEvents } from '../sources/live.ts'
import type { Chain } from './chain.ts'
import type { EngineLive } from './engine-protocol.ts'

/** Control stops the captures first, so every connection is about to end by itself. */
const DRAIN_MS = 2000

export interface LiveInputsOptions {
  /** No more connections; what one still holds is read to its end. */
  readonly stop: AbortSignal
  readonly hostClock: () => EventTime
  warn(message: string): void
}

/** What capture children bring to the engine, each at a socket of its own. */
export class LiveInputs {
  readonly #options: LiveInputsOptions
  /** Nothing more is waited for. */
  readonly #cut = new AbortController()
  readonly #servers: Server[] = []
  #connections = 0

  constructor(options: LiveInputsOptions) {
    this.#options = options
    options.stop.addEventListener('abort', () => setTimeout(() => this.#cut.abort(), DRAIN_MS).unref())
  }

  /** Captures that live. */
  get connections(): number {
    return this.#connections
  }

  /** Resolves when the engine is told to stop. Each life of the capture child is one connection. */
  read(chain: Chain, input: EngineLive): Promise<void> {
    const { stop } = this.#options
    const info: SourceInfo = { kind: input.via, name: input.name }
    const connections = new Set<Promise<void>>()
    const server = createServer((socket) => {
      const reading = this.#connection(chain, info, socket).finally(() => connections.delete(reading))
      connections.add(reading)
    })
    this.#servers.push(server)
    server.listen(input.socketPath)
    return new Promise((resolve, reject) => {
      server.on('error', reject)
      const drain = () => void Promise.allSettled(connections).then(() => resolve())
      if (stop.aborted) drain()
      else stop.addEventListener('abort', drain)
    })
  }

  close(): void {
    for (const server of this.#servers) server.close()
  }

  async #connection(chain: Chain, info: SourceInfo, socket: Socket): Promise<void> {
    const { hostClock, warn } = this.#options
    this.#connections++
    try {
      for await (const event of liveEvents(socket, info, { hostClock, stop: this.#cut.signal })) {
        if (event.kind === 'frames') chain.frames(info, event.batch, 0, event.batch.count)
        else chain.advance(event.now)
      }
    } catch (error) {
      warn(`${info.name}: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      this.#connections--
      socket.destroy()
    }
  }
}
