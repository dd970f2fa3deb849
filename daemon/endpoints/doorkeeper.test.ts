import { expect, test } from 'vitest'
import { Doorkeeper } from './doorkeeper.ts'

test('whoever comes a second time gets in, whatever the key', () => {
  const door = new Doorkeeper()
  for (let i = 0; i < 1000; i++) {
    expect(door.seen(`key-${i}`)).toBe(false)
    expect(door.seen(`key-${i}`)).toBe(true)
  }
})
