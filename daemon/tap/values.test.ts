import { expect, test } from 'vitest'
import * as read from './values.ts'
import { BAD, UNITS } from './values.ts'

const ms = Date.UTC(2026, 10, 21, 20, 30, 2, 123)

test.each([
  ['seconds with a fraction', read.epoch(UNITS.s), '1795290601.004', 1_795_290_601_004_000],
  ['milliseconds', read.epoch(UNITS.ms), ms, ms * 1000],
  ['nanoseconds that no number holds', read.epoch(UNITS.ns), '1795290610000000999', 1_795_290_610_000_000],
  ['ISO with an offset', read.isoTime, '2026-11-21T21:30:02.123+01:00', ms * 1000],
  ['the offset of strftime', read.isoTime, '2026-11-21T20:30:02.123+0000', ms * 1000],
  ['the common log format', read.commonLogTime, '21/Nov/2026:20:30:02 +0000', Date.UTC(2026, 10, 21, 20, 30, 2) * 1000],
  ['no time', read.isoTime, 'yesterday', BAD],
  ['a time before there was time', read.epoch(UNITS.s), '-5', BAD],
  ['an endless number', read.epoch(UNITS.s), '1e999', BAD],
  ['a duration in seconds', read.duration(UNITS.s), '0.021', 21_000],
  ['a duration in nanoseconds', read.duration(UNITS.ns), 18_500_999, 18_500],
  ['a negative duration', read.duration(UNITS.ms), -1, BAD],
  ['a list of durations', read.duration(UNITS.s), '0.1, 0.2', BAD],
  ['a count as text', read.toCount, '5120', 5120],
  ['a count with a fraction', read.toCount, 1.5, BAD],
  ['a status as text', read.toStatus, '404', 404],
  ['the status of a caller who left', read.toStatus, 0, undefined],
  ['a status that is none', read.toStatus, 99, BAD],
  ['an address', read.toAddress, '2001:DB8::1', '2001:db8::1'],
  ['no address', read.toAddress, 'localhost', BAD],
  ['host and port', read.hostOfPair, '10.1.0.4:51234', '10.1.0.4'],
  ['the last of several', read.hostOfPair, '10.0.0.1:80, 10.0.0.2:81', '10.0.0.2'],
  ['port of IPv6', read.portOfPair, '[2001:db8::1]:443', 443],
  ['a version', read.toVersion, 'HTTP/2.0', '2'],
  ['a version in short', read.toVersion, 'h2', '2'],
  ['a method with a space', read.toMethod, 'GET /', BAD],
  ['a host with a password', read.toHost, 'user:secret@api.test', 'api.test'],
  ['JSON as a body', read.toBody, { a: 1 }, '{"a":1}'],
])('%s', (_, transform, value, expected) => {
  expect(transform(value)).toBe(expected)
})
