import { expect, test } from 'vitest'
import { endpointLine } from './endpoint-state.ts'

const PLACE = [[1, 2, 3, 0xffffffff], 4, ['GET /a'], ['u'], null, ['x']]
const CANDIDATE = ['GET /a', 'api.test', 3, ['u'], 2, false]

test.each([
  [['counts', 1, 2]],
  [['service', 'api.test', 1, 2, 3]],
  [['place', 'api.test', ['v1'], PLACE]],
  [['endpoint', 'k', CANDIDATE]],
  [['candidate', 'k', CANDIDATE]],
])('%j is a line', (line) => {
  expect(endpointLine(line)).toBe(line)
})

test.each([
  [null],
  [{}],
  [[]],
  [['counts', 1]],
  [['counts', -1, 2]],
  [['counts', 1.5, 2]],
  [['service', 'api.test', 1, 2, Number.NaN]],
  [['service', 'x'.repeat(65_537), 1, 2, 3]],
  [['place', 'api.test', [1], PLACE]],
  [['place', 'api.test', Array(257).fill('v1'), PLACE]],
  [['place', 'api.test', ['v1'], [[1, 2, 3, 2 ** 32], ...PLACE.slice(1)]]],
  [['place', 'api.test', ['v1'], [[1, 2, 3], ...PLACE.slice(1)]]],
  [['place', 'api.test', ['v1'], [PLACE[0], 4, ['GET /a'], ['a', 'b', 'c'], null, null]]],
  [['place', 'api.test', ['v1'], [PLACE[0], 4, ['GET /a'], ['u'], 'no list', null]]],
  [['endpoint', 'k', CANDIDATE.slice(0, 5)]],
  [['endpoint', 'k', [...CANDIDATE.slice(0, 5), 'no']]],
  [['endpoint', 'k', ['GET /a', 'api.test', 3, Array(17).fill('u'), 2, false]]],
  [['other', 'k', CANDIDATE]],
])('%# is none', (line) => {
  expect(() => endpointLine(line)).toThrow(TypeError)
})
