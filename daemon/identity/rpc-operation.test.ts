import { expect, test } from 'vitest'
import { type FakeRequest, fakeExchange, fakeTelemetry } from '../../test/fake-exchange.ts'
import type { Transaction } from '../model/transaction.ts'
import { TEST_KEY } from './privacy-key.ts'
import { IDENTITY_DEFAULTS, Recorder } from './recorder.ts'

/** The operation as read from the raw body, and from the redacted one, as who reads a record of it does. */
function operationsOf(body: string, bodies = true): [unknown, unknown] {
  const seen: Transaction[] = []
  const emit = (transaction: Transaction) => void seen.push(transaction)
  const recorder = new Recorder({ key: TEST_KEY, options: IDENTITY_DEFAULTS, bodies, telemetry: fakeTelemetry(), emit })
  const request: FakeRequest = {
    method: 'POST',
    target: '/graphql',
    headers: [['Content-Type', 'application/json']],
    body,
  }
  recorder.exchange(fakeExchange(request))
  const redacted = seen[0]!.requestBody
  recorder.exchange(fakeExchange({ ...request, body: redacted ?? body }))
  return [seen[0]!.operation, seen[1]!.operation]
}

test.each([
  ['{"operationName":"Cart","query":"query Cart { cart { id } }"}', 'Cart'],
  ['{"query":"mutation Pay($id: ID) { pay(id: $id) { ok } }"}', 'Pay'],
  ['{"jsonrpc":"2.0","method":"ledger.getBalance","params":{"query":"x"}}', 'ledger.getBalance'],
  ['{"jsonrpc":"2.0","result":{"query":"query A { b }"}}', null],
  ['[{"query":"{ a }"},{"query":"{ b }"}]', 'batch'],
  [' {"query":""}', null],
  ['{"query":"', null],
  ['', null],
])('%s asks for %s', (body, operation) => {
  expect(operationsOf(body)[0]).toBe(operation)
})

test.each([
  '{"operationName":"AKIAIOSFODNN7EXAMPLE","query":"query AKIAIOSFODNN7EXAMPLE { a }"}',
  '{"jsonrpc":"2.0","method":"x/ghp_abcdefghijklmnopqrstuvwxyz0123456789"}',
  '{"query":"{ user(token: \\"ghp_abcdefghijklmnopqrstuvwxyz0123456789\\", pin: 1234) { id } }"}',
])('a secret becomes no name, and the redacted body says the same: %#', (body) => {
  const [raw, redacted] = operationsOf(body)
  expect(String(raw)).not.toMatch(/AKIA|ghp_/)
  expect(redacted).toBe(raw)
})

test('nothing is read where bodies are not', () => {
  expect(operationsOf('{"operationName":"Cart"}', false)[0]).toBeNull()
})
