import { expect, test } from 'vitest'
import { ACK, Segment } from '../decode/segment.ts'
import { viewOf } from '../model/ascii-bytes.ts'
import { DUPLICATE, fingerprint, RecentSegments, UNSEEN } from './recent-segments.ts'

function segment(seq: number): Segment {
  const made = new Segment()
  made.seq = seq
  made.flags = ACK
  made.ipId = 7
  made.bytes = Buffer.from('some payload of it')
  made.view = viewOf(made.bytes)
  made.payloadEnd = made.bytes.length
  return made
}

test('the slots of a flow that is over are those of the next one, which has seen nothing', () => {
  const recent = new RecentSegments()
  const slot = recent.take()
  const one = segment(100)
  recent.note(slot, one, fingerprint(one), 0)
  recent.note(slot + 1, one, fingerprint(one), 0)
  expect(recent.seen(slot, one, fingerprint(one), 0)).toBe(DUPLICATE)
  recent.giveBack(slot)
  expect(recent.take()).toBe(slot)
  expect(recent.seen(slot, one, fingerprint(one), 0)).toBe(UNSEEN)
  expect(recent.seen(slot + 1, one, fingerprint(one), 0)).toBe(UNSEEN)
})

test('flows that are open at once have slots of their own, however many there are', () => {
  const recent = new RecentSegments()
  const slots = Array.from({ length: 500 }, () => recent.take())
  expect(new Set(slots.flatMap((slot) => [slot, slot + 1])).size).toBe(1000)
  for (const [i, slot] of slots.entries()) recent.note(slot, segment(i), 1, 0)
  for (const [i, slot] of slots.entries()) {
    expect(recent.seen(slot, segment(i), 1, 0)).toBe(DUPLICATE)
    expect(recent.seen(slot, segment(i + 1), 1, 0)).toBe(UNSEEN)
    expect(recent.seen(slot + 1, segment(i), 1, 0)).toBe(UNSEEN)
  }
})
