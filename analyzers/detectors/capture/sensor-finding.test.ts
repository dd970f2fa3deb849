import { expect, test } from 'vitest'
import { isAboutSource } from './sensor-finding.ts'

test('a source of the sensor is told from a caller', () => {
  expect(isAboutSource({ kind: 'device', value: 'source:pcap:eth1' })).toBe(true)
  expect(isAboutSource({ kind: 'device', value: 'hmac:5b1e' })).toBe(false)
  expect(isAboutSource({ kind: 'user', value: 'source:pcap:eth1' })).toBe(false)
})
