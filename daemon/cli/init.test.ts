import { expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { effectiveConfig } from '../config/effective.ts'
import { readConfigText } from '../config/load.ts'
import { configText } from './init.ts'

test.each([
  { trustedHops: [], apiKeyHeaders: [] },
  { trustedHops: ['10.0.0.0/8'], apiKeyHeaders: [] },
  { trustedHops: [], apiKeyHeaders: ['x-partner-key'] },
  { trustedHops: ['10.0.0.0/8', '2001:db8::/32'], apiKeyHeaders: ['x-partner-key'] },
])('the file holds what was answered and is valid: %o', ({ trustedHops, apiKeyHeaders }) => {
  const text = configText({ source: 'pcap:eth0', trustedHops, apiKeyHeaders })
  const { config } = effectiveConfig(CONFIG_SCHEMA, readConfigText(text, 'offpath.yaml'))
  expect(config.identity.trusted_hops).toEqual(trustedHops)
  expect(config.identity.api_key_headers).toEqual(expect.arrayContaining(['x-api-key', ...apiKeyHeaders]))
  expect(config.sources).toMatchObject([{ kind: 'pcap', interface: 'eth0' }])
})

test('a topic is a source too', () => {
  const text = configText({ source: 'kafka:one:9092,two:9092/edge-logs', trustedHops: [], apiKeyHeaders: [] })
  const { config } = effectiveConfig(CONFIG_SCHEMA, readConfigText(text, 'offpath.yaml'))
  expect(config.sources).toMatchObject([{ kind: 'kafka', brokers: ['one:9092', 'two:9092'], topics: ['edge-logs'] }])
})
