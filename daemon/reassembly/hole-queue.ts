import type { EventTime } from '../model/time.ts'
import type { Disorder } from './disorder.ts'

/**
 * The directions of one shard that wait for a hole to fill, longest wait first: every hole waits equally long, so first
 * in is first out and no timer needs a search. Every direction that holds bytes stands here.
 */
export class HoleQueue {
  head: Disorder | null = null
  #tail: Disorder | null = null

  add(hole: Disorder, now: EventTime): void {
    hole.waiting = true
    hole.waitingSince = now
    hole.heardWaiting = false
    hole.previous = this.#tail
    hole.next = null
    if (this.#tail === null) this.head = hole
    else this.#tail.next = hole
    this.#tail = hole
  }

  remove(hole: Disorder): void {
    hole.waiting = false
    if (hole.previous === null) this.head = hole.next
    else hole.previous.next = hole.next
    if (hole.next === null) this.#tail = hole.previous
    else hole.next.previous = hole.previous
    hole.previous = null
    hole.next = null
  }
}
