import { describe, expect, test } from 'vitest'
import { HttpMessage, type Waiter } from './message.ts'
import { TimerQueue } from './timer-queue.ts'

const WAIT_US = 1000

/** Remembers in which order messages were told, by their position. */
function waiter(): Waiter & { readonly told: number[] } {
  const told: number[] = []
  return { told, expired: (message) => told.push(message.position) }
}

function messages(count: number): HttpMessage[] {
  return Array.from({ length: count }, (_, position) => Object.assign(new HttpMessage(), { position }))
}

describe('timer queue', () => {
  test('tells those whose time is up, oldest first, and each once', () => {
    const queue = new TimerQueue(WAIT_US)
    const whom = waiter()
    for (const message of messages(10)) queue.add(message, whom, 100 * message.position)
    queue.expire(WAIT_US + 450)
    expect(whom.told).toEqual([0, 1, 2, 3, 4])
    queue.expire(WAIT_US + 450)
    expect(whom.told).toHaveLength(5)
    expect(queue.size).toBe(5)
  })

  test('a message that left is not told, and may wait again', () => {
    const queue = new TimerQueue(WAIT_US)
    const whom = waiter()
    const [first, second, third] = messages(3) as [HttpMessage, HttpMessage, HttpMessage]
    for (const message of [first, second, third]) queue.add(message, whom, 0)
    queue.remove(first)
    queue.remove(second)
    queue.remove(second)
    expect(queue.size).toBe(1)
    queue.add(first, whom, 500)
    queue.expire(WAIT_US)
    expect(whom.told).toEqual([2])
    queue.expire(WAIT_US + 500)
    expect(whom.told).toEqual([2, 0])
  })

  test('keeps order and places over more messages than it has room for, most of which leave early', () => {
    const queue = new TimerQueue(WAIT_US)
    const whom = waiter()
    const all = messages(5000)
    all.forEach((message, at) => {
      queue.add(message, whom, at)
      // Of ten, one is never answered, and the others not in the order in which they came.
      if (at % 10 === 9) for (const offset of [4, 0, 7, 9, 2, 1, 8, 3, 6]) queue.remove(all[at - offset]!)
    })
    expect(queue.size).toBe(500)
    queue.expire(all.length + WAIT_US)
    expect(whom.told).toEqual(all.map(({ position }) => position).filter((position) => position % 10 === 4))
    expect(queue.size).toBe(0)
  })

  test('a message may be told while others enter', () => {
    const queue = new TimerQueue(WAIT_US)
    const told: number[] = []
    const late = messages(200)
    const whom: Waiter = {
      expired: (message, now) => {
        told.push(message.position)
        for (const other of late.splice(0, 100)) queue.add(other, whom, now)
      },
    }
    for (const message of messages(3)) queue.add(message, whom, 0)
    queue.expire(WAIT_US)
    expect(told).toEqual([0, 1, 2])
    queue.expire(2 * WAIT_US)
    expect(told).toHaveLength(203)
  })
})
