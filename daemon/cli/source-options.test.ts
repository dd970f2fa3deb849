import { expect, test } from 'vitest'
import { sourceSettings } from './source-options.ts'

test('each --tunnel is a source that takes from every --tunnel-from', () => {
  const flags = { tunnel: ['10.0.0.5:4789', '10.0.0.5:6081'], tunnelFrom: ['10.0.0.0/8', '2001:db8::/32'] }
  expect(sourceSettings(flags, [])).toEqual({
    sources: flags.tunnel.map((listen) => ({ kind: 'udp-tunnel', listen, senders: flags.tunnelFrom })),
  })
})

test('a tunnel without senders, and senders without a tunnel, are refused', () => {
  expect(() => sourceSettings({ tunnel: ['10.0.0.5:4789'] }, [])).toThrow('--tunnel needs --tunnel-from')
  expect(() => sourceSettings({ tunnelFrom: ['10.0.0.0/8'] }, [])).toThrow('--tunnel-from needs --tunnel')
})
