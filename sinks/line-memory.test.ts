import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Material, TransactionRecord } from '../daemon/identity/record.ts'
import { encodeTransaction } from './native-json.ts'

const MATERIAL: Material = {
  id: () => '01jd4k00000000000000000000',
  writeId: (out) => out.string('01jd4k00000000000000000000'),
  requestHeaders: () => [],
  responseHeaders: () => [],
  writeRequestHeaders: (out) => out.pairs([]),
  writeResponseHeaders: (out) => out.pairs([]),
  requestBody: () => null,
  responseBody: () => null,
}

const text = fc.constantFrom('a', 'b', 'ü', '"', 'x'.repeat(700), '10.0.0.1', 'GET /a/{id}', 'GET /b/{id}')
const caller = fc.record({
  kind: fc.constantFrom('user' as const, 'ip' as const),
  id: text,
  display: text,
  via: text,
  app: fc.option(text),
})
const fields = fc.record({
  connection: fc.nat({ max: 2 }),
  clientIp: text,
  clientPort: fc.option(fc.constantFrom(1, 2)),
  serverIp: fc.option(text),
  serverPort: fc.constantFrom(80, 443),
  httpVersion: fc.constantFrom('1.1', '1.0'),
  scheme: fc.constantFrom('http', 'https'),
  host: fc.option(text),
  endpoint: fc.option(text),
  service: fc.option(text),
  principal: caller,
  state: fc.constantFrom('complete' as const, 'gap' as const),
  keyId: fc.constantFrom('k1', 'k2'),
  forwarded: fc.array(text, { maxLength: 1 }),
  source: fc.record({
    kind: fc.constantFrom('pcap' as const),
    name: text,
    vlan: fc.option(fc.nat(9)),
    vni: fc.constant(null),
  }),
})

test('what other lines had in common is never taken for what this one says', () => {
  fc.assert(
    fc.property(fc.array(fields, { minLength: 2, maxLength: 12 }), (all) => {
      for (const given of [...all, ...all]) {
        const tx = Object.assign(new TransactionRecord(MATERIAL, [], []), given)
        const line = JSON.parse(encodeTransaction(tx))
        expect(line).toMatchObject({
          client_ip: given.clientIp,
          client_port: given.clientPort,
          server_ip: given.serverIp,
          server_port: given.serverPort,
          http_version: given.httpVersion,
          scheme: given.scheme,
          host: given.host,
          endpoint: given.endpoint,
          service: given.service,
          principal: given.principal,
          state: given.state,
          key_id: given.keyId,
          forwarded: given.forwarded,
          source: given.source,
        })
      }
    }),
    { numRuns: 200 },
  )
})
