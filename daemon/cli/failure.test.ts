import { expect, test } from 'vitest'
import { HOSTILE_TEXT, hasUnshowable } from '../../test/hostile-text.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { explainFailure } from './failure.ts'

test('what an operator can fix is one block: message, place, remedy, code', () => {
  const error = new OffpathError('OFFPATH_E_NO_INTERFACE', 'there is no such interface', {
    at: 'eth9',
    remedy: 'ip -brief link',
  })
  expect(explainFailure(error, false)).toEqual({
    text: 'offpath: there is no such interface\n  at:     eth9\n  remedy: ip -brief link\n  code:   OFFPATH_E_NO_INTERFACE\n',
    exitCode: 1,
  })
})

test('a bug says so, without a stack trace unless asked for', () => {
  const quiet = explainFailure(new TypeError('x is not a function'), false)
  expect(quiet.text).toBe(
    'offpath: internal error: x is not a function\n  remedy: this is a bug in Offpath; OFFPATH_DEBUG=1 shows where\n',
  )
  expect(quiet.exitCode).toBe(1)
  expect(explainFailure(new TypeError('x is not a function'), true).text).toContain('failure.test.ts')
})

test('the cause is shown with the stack', () => {
  const error = new OffpathError('OFFPATH_E_KEY', 'no key', { cause: new Error('EACCES') })
  expect(explainFailure(error, false).text).not.toContain('EACCES')
  expect(explainFailure(error, true).text).toContain('caused by Error: EACCES')
})

test.each(HOSTILE_TEXT)('a message with $name cannot act on the terminal', ({ text }) => {
  const error = new OffpathError('OFFPATH_E_NO_FILE', text, { at: text, remedy: text })
  expect(hasUnshowable(explainFailure(error, false).text)).toBe(false)
})
