import type { EventTime } from '../model/time.ts'
import type { HalfStream } from './half-stream.ts'

/**
 * The directions of one shard that wait for a hole to fill, longest wait first: every hole waits equally long, so first
 * in is first out and no timer needs a search. Every direction that holds bytes stands here.
 */
export class HoleQueue {
  head: HalfStream | null = null
  #tail: HalfStream | null = null

  add(half: HalfStream, now: EventTime): void {
    half.waiting = true
    half.waitingSince = now
    half.heardWaiting = false
    half.previousHole = this.#tail
    half.nextHole = null
    if (this.#tail === null) this.head = half
    else this.#tail.nextHole = half
    this.#tail = half
  }

  remove(half: HalfStream): void {
    half.waiting = false
    if (half.previousHole === null) this.head = half.nextHole
    else half.previousHole.nextHole = half.nextHole
    if (half.nextHole === null) this.#tail = half.previousHole
    else half.nextHole.previousHole = half.previousHole
    half.previousHole = null
    half.nextHole = null
  }
}
