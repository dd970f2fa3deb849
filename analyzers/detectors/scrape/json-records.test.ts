import { expect, test } from 'vitest'
import { jsonRecords } from './json-records.ts'

test.each([
  ['[{"a":1},{"a":2},{"a":3}]', 3],
  ['{"items":[{"tags":[[1],[2]]},{"tags":[]}],"total":2}', 2],
  ['{"a":{"b":[{},{},{},{}]},"c":[{}]}', 4],
  ['[1,2,3]', 0],
  ['{"text":"[{},{},{}]","quoted":"\\"[{},{}"}', 0],
  ['{"items":[{"a":1},{"a":2},{"a', 3],
  ['[[[[[[[[[[[[[[[[[[[[{},{}', 1],
  [']]]][{},{}]', 0],
  ['', 0],
  ['<html>', 0],
])('%s holds %i records', (text, records) => {
  expect(jsonRecords(text).records).toBe(records)
})
