import { expect, test } from 'vitest'
import { effectiveCapabilities, unprivilegedCommand, unprivilegedUser } from './privileges.ts'

test('capabilities are read from a running process, and of one that is gone there are none to read', () => {
  expect(effectiveCapabilities('self')).toBe(effectiveCapabilities(process.pid))
  expect(typeof effectiveCapabilities('self')).toBe('bigint')
  expect(effectiveCapabilities(2 ** 31 - 1)).toBeNull()
})

test('the unprivileged user is not root', () => {
  const { uid, gid } = unprivilegedUser()
  expect(uid).toBeGreaterThan(0)
  expect(gid).toBeGreaterThan(0)
})

test('root starts a command as it is, since it gives its rights up itself', () => {
  if (process.geteuid?.() === 0) expect(unprivilegedCommand()).toEqual([])
  else expect(unprivilegedCommand().join(' ')).toMatch(/^$|setpriv --ambient-caps=-all --inh-caps=-all --$/)
})
