import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AsnDatabase } from './asn-database.ts'

const file = (name: string) => readFileSync(join(import.meta.dirname, '..', '..', 'test', 'identity', 'asn', name))

test.each(['asn.mmdb', 'ipinfo.mmdb'])('%s says whose network an address is in', (name) => {
  const database = new AsnDatabase(file(name))
  expect(database.of('192.0.2.7')).toEqual({ number: 64_496, organisation: 'Example Broadband' })
  expect(database.of('::ffff:192.0.2.7')).toEqual({ number: 64_496, organisation: 'Example Broadband' })
  expect(database.of('198.51.100.127')?.number).toBe(64_497)
  expect(database.of('198.51.100.128')?.number).toBe(64_498)
  expect(database.of('2001:db8:1fff::1')?.number).toBe(64_497)
  expect(database.of('2001:db8:2000::1')).toEqual({ number: 64_499, organisation: null })
})

test('what is in no network, or no address at all, has no owner', () => {
  const database = new AsnDatabase(file('asn.mmdb'))
  for (const address of [
    '10.0.0.1',
    '2001:db8:f000::1',
    '::1',
    '',
    'unknown',
    '192.0.2.7:80',
    '999.0.2.7',
    '_hidden',
  ]) {
    expect(database.of(address)).toBeNull()
    expect(database.of(address)).toBeNull()
  }
})

test('two networks of one owner are one object', () => {
  const database = new AsnDatabase(file('asn.mmdb'))
  expect(database.of('198.51.100.1')).toBe(database.of('203.0.113.1'))
})

test('a file that is no database, or one of something else, is refused with what it is', () => {
  expect(() => new AsnDatabase(Buffer.from('192.0.2.0/24,64496\n'))).toThrow('it is no MMDB file')
  expect(() => new AsnDatabase(Buffer.alloc(0))).toThrow('it is no MMDB file')
  expect(() => new AsnDatabase(file('city.mmdb'))).toThrow('names no autonomous systems (it is a GeoLite2-City)')
})

test('a damaged file answers nothing or is refused, and never hangs', () => {
  const whole = file('asn.mmdb')
  for (let at = 0; at < whole.length; at += 7) {
    const damaged = Buffer.from(whole)
    damaged[at]! ^= 0xff
    try {
      new AsnDatabase(damaged).of('192.0.2.7')
    } catch (error) {
      expect(error).toBeInstanceOf(Error)
    }
  }
})
