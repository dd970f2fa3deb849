import { expect, test } from 'vitest'
import { SnapshotSender } from './snapshot-sender.ts'

/** Sends `1..3`, and waits between parts until it is let go on. */
function setUp(parts: () => Iterable<number> = () => [1, 2, 3]) {
  const sent: number[] = []
  const failures: unknown[] = []
  const waiting: (() => void)[] = []
  const sender = new SnapshotSender<number>({
    everyBeats: 3,
    firstBeat: 1,
    parts,
    send: (part) => sent.push(part),
    pause: () => new Promise<void>((goOn) => waiting.push(goOn)),
    failed: (error) => failures.push(error),
  })
  const goOn = async () => {
    waiting.shift()!()
    await new Promise(setImmediate)
  }
  return { sender, sent, failures, goOn }
}

test('part by part, one snapshot at a time, and again after so many beats', async () => {
  const { sender, sent, goOn } = setUp()
  sender.beat()
  expect(sent).toEqual([1])
  for (let i = 0; i < 5; i++) sender.beat()
  expect(sent).toEqual([1])
  for (let i = 0; i < 3; i++) await goOn()
  expect(sent).toEqual([1, 2, 3])
  sender.beat()
  expect(sent).toEqual([1, 2, 3, 1])
})

test('the last one goes out at once, and one that is under way is given up', async () => {
  const { sender, sent, goOn } = setUp()
  sender.beat()
  sender.finish()
  await goOn()
  expect(sent).toEqual([1, 1, 2, 3])
})

test('one that throws is told once and is over', () => {
  const { sender, sent, failures } = setUp(() => {
    throw new Error('a bug')
  })
  sender.finish()
  sender.finish()
  for (let i = 0; i < 9; i++) sender.beat()
  expect([sent, failures, sender.on]).toEqual([[], [new Error('a bug')], false])
})
