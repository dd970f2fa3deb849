import { KeptBytes } from '../reassembly/stream.ts'
import type { HttpMessage } from './message.ts'

/** What a message costs beside its head and body. */
const MESSAGE_COST = 768
const NOBODYS = new KeptBytes()

/** What one flow keeps from one call to the next: half-read heads, bodies, messages that wait for their other half. */
export class FlowKeep {
  #all = NOBODYS
  #bytes = 0

  /** A new flow, which counts in `all`. */
  open(all: KeptBytes): void {
    this.#all = all
    this.#bytes = 0
  }

  add(bytes: number): void {
    this.#bytes += bytes
    this.#all.bytes += bytes
  }

  /** A message was made. */
  take(message: HttpMessage): void {
    message.cost = MESSAGE_COST + message.headBytes
    this.add(message.cost)
  }

  /** The message grew by so many bytes. */
  grow(message: HttpMessage, bytes: number): void {
    message.cost += bytes
    this.add(bytes)
  }

  /** The message was handed over, and keeps its place without its head and body. */
  remain(message: HttpMessage): void {
    message.cost = MESSAGE_COST
    this.add(message.cost)
  }

  /** The flow is done with the message. */
  drop(message: HttpMessage): void {
    if (message.cost === 0) return
    this.add(-message.cost)
    message.cost = 0
  }

  /** The flow is over. */
  clear(): void {
    this.#all.bytes -= this.#bytes
    this.#bytes = 0
  }
}
