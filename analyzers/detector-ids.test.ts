import { expect, test } from 'vitest'
import { readsPayloads } from './detector-ids.ts'
import { DETECTORS } from './registry.ts'

test('which detectors read payloads is known by their ids alone', () => {
  const declared = DETECTORS.filter(({ reads }) => reads === 'payloads').map(({ id }) => id)
  expect(DETECTORS.map(({ id }) => id).filter(readsPayloads)).toEqual(declared)
  expect(declared).not.toEqual([])
})
