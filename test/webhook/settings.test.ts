import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import type { ValidatedConfig } from '../../daemon/config/schema.ts'
import { webhookEndpoints } from '../../sinks/webhook/settings.ts'

const [first, second] = [randomBytes(32), randomBytes(32)] as [Buffer, Buffer]
const environment = { A: `whsec_${first.toString('base64')}`, B: `whsec_${second.toString('base64')}` }

const entries = (...webhook: object[]) =>
  (CONFIG_SCHEMA.parse({ sinks: { webhook } }) as unknown as ValidatedConfig).sinks.webhook

test('the configuration becomes endpoints, with both secrets of a rotation', () => {
  const siem = { name: 'siem', url: 'https://siem.test/x', secret_env: 'A' }
  const edge = { name: 'edge', url: 'https://edge.test', secret_env: 'A', previous_secret_env: 'B', events: ['action'] }
  expect(webhookEndpoints(entries(siem, { ...edge, timeout_seconds: 3 }), environment)).toEqual([
    {
      name: 'siem',
      url: 'https://siem.test/x',
      secrets: [first],
      events: ['incident', 'action'],
      caFile: null,
      timeoutMs: 10_000,
    },
    {
      name: 'edge',
      url: 'https://edge.test',
      secrets: [first, second],
      events: ['action'],
      caFile: null,
      timeoutMs: 3000,
    },
  ])
})

test('what is missing is told with its place', () => {
  const failure = (...webhook: object[]) => {
    try {
      webhookEndpoints(entries(...webhook), environment)
    } catch (error) {
      return error
    }
    return null
  }
  const good = { name: 'a', url: 'https://a.test', secret_env: 'A' }
  expect(failure(good)).toBeNull()
  expect(failure(good, { name: 'b', url: 'https://b.test' })).toMatchObject({
    code: 'OFFPATH_E_CONFIG',
    at: 'sinks.webhook[1]',
    message: 'the webhook b has no signing secret',
  })
  expect(failure(good, good)).toMatchObject({ at: 'sinks.webhook[1].name', message: 'two webhooks are named a' })
  expect(failure({ ...good, previous_secret_env: 'NONE' })).toMatchObject({
    message: expect.stringMatching(/NONE is not set/),
  })
})
