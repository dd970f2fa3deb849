import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ROUTES } from '../../daemon/api/routes.ts'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { ask, type Running, serveApi } from './api-server.ts'
import { by, codeOf, EXAMPLES, faults } from './documented.ts'

let server: Running
beforeAll(async () => {
  server = await serveApi()
})
afterAll(() => server.stop())
beforeEach(() => {
  server.operations.asked.length = 0
  server.operations.decided = null
  server.operations.storeAbsent = false
})

describe.each(['unix', 'tcp'] as const)('over %s', (transport) => {
  test.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s answers as documented',
    async (_, route) => {
      const answer = await ask(server, transport, EXAMPLES[route.operationId]!)
      expect([answer.status, faults(route.method, route.path, answer)]).toEqual([200, null])
      expect(server.operations.asked.length).toBe(1)
    },
  )

  test.each([
    ['an unknown id', 'GET', '/api/v1/incidents/{id}', { path: '/api/v1/incidents/none' }, 404, 'OFFPATH_E_NOT_FOUND'],
    [
      'an id that is none',
      'GET',
      '/api/v1/incidents/{id}',
      { path: '/api/v1/incidents/..%2f..%2fetc' },
      400,
      'OFFPATH_E_USAGE',
    ],
    [
      'an unknown action',
      'POST',
      '/api/v1/actions/{id}/deny',
      { path: '/api/v1/actions/none/deny', body: by },
      404,
      'OFFPATH_E_NOT_FOUND',
    ],
    [
      'an unknown parameter',
      'GET',
      '/api/v1/incidents',
      { path: '/api/v1/incidents?limits=5' },
      400,
      'OFFPATH_E_USAGE',
    ],
    [
      'a parameter twice',
      'GET',
      '/api/v1/incidents',
      { path: '/api/v1/incidents?limit=5&limit=6' },
      400,
      'OFFPATH_E_USAGE',
    ],
    ['a wrong number', 'GET', '/api/v1/incidents', { path: '/api/v1/incidents?limit=-1' }, 400, 'OFFPATH_E_USAGE'],
    [
      'a number that is too great',
      'GET',
      '/api/v1/incidents',
      { path: '/api/v1/incidents?limit=1001' },
      400,
      'OFFPATH_E_USAGE',
    ],
    ['a wrong time', 'GET', '/api/v1/incidents', { path: '/api/v1/incidents?since=yesterday' }, 400, 'OFFPATH_E_USAGE'],
    ['a parameter where there is none', 'GET', '/api/v1/status', { path: '/api/v1/status?x' }, 400, 'OFFPATH_E_USAGE'],
    ['no body', 'POST', '/api/v1/query', { path: '/api/v1/query' }, 415, 'OFFPATH_E_USAGE'],
    ['a body that is not JSON', 'POST', '/api/v1/query', { path: '/api/v1/query', body: '{' }, 400, 'OFFPATH_E_USAGE'],
    [
      'a form',
      'POST',
      '/api/v1/query',
      { path: '/api/v1/query', body: '{}', headers: { 'content-type': 'text/plain' } },
      415,
      'OFFPATH_E_USAGE',
    ],
    [
      'an unknown key',
      'POST',
      '/api/v1/query',
      { path: '/api/v1/query', body: { sql: 'SELECT 1', format: 'CSV' } },
      400,
      'OFFPATH_E_USAGE',
    ],
    [
      'a decision without a reason',
      'POST',
      '/api/v1/actions/{id}/deny',
      { path: '/api/v1/actions/act1/deny', body: { who: 'ada' } },
      400,
      'OFFPATH_E_USAGE',
    ],
    [
      'nothing to redeliver',
      'POST',
      '/api/v1/deliveries/redeliver',
      { path: '/api/v1/deliveries/redeliver', body: {} },
      400,
      'OFFPATH_E_USAGE',
    ],
    [
      'a query that is refused',
      'POST',
      '/api/v1/query',
      { path: '/api/v1/query', body: { sql: 'DROP TABLE t' } },
      400,
      'OFFPATH_E_QUERY',
    ],
    [
      'a body that is too long',
      'POST',
      '/api/v1/query',
      { path: '/api/v1/query', body: { sql: 'x'.repeat(70_000) } },
      413,
      'OFFPATH_E_USAGE',
    ],
  ])('%s is a problem', async (_, method, template, asked, status, code) => {
    const answer = await ask(server, transport, { method, ...asked })
    expect([answer.status, codeOf(answer), faults(method, template, answer)]).toEqual([status, code, null])
    expect(answer.headers['content-type']).toBe('application/problem+json')
  })

  test('a long body in chunks is cut off too', async () => {
    const headers = { 'transfer-encoding': 'chunked' }
    const body = 'x'.repeat(300_000)
    // The answer may be lost to the reset that the unread rest of the body causes.
    const answer = await ask(server, transport, { method: 'POST', path: '/api/v1/query', body, headers }).catch(
      () => null,
    )
    if (answer !== null) expect(answer.status).toBe(413)
    expect(server.operations.asked).toEqual([])
  })

  test('a decision that comes too late is a conflict', async () => {
    await ask(server, transport, EXAMPLES.approveAction!)
    const answer = await ask(server, transport, EXAMPLES.denyAction!)
    expect([answer.status, codeOf(answer)]).toEqual([409, 'OFFPATH_E_STATE'])
    expect(faults('POST', '/api/v1/actions/{id}/deny', answer)).toBeNull()
  })

  test('without a store a query is unavailable', async () => {
    server.operations.storeAbsent = true
    const answer = await ask(server, transport, EXAMPLES.query!)
    expect([answer.status, codeOf(answer)]).toEqual([503, 'OFFPATH_E_STORE'])
    expect(answer.json).toMatchObject({ remedy: 'store.enabled', detail: 'there is no store' })
  })

  test('policy files that are wrong are said with their place', async () => {
    server.operations.fault = new OffpathError('OFFPATH_E_POLICY', 'unknown detector', { at: 'mine.yaml:3:4' })
    const answer = await ask(server, transport, EXAMPLES.reloadPolicies!)
    expect(answer.status).toBe(422)
    expect(answer.json).toMatchObject({ code: 'OFFPATH_E_POLICY', at: 'mine.yaml:3:4' })
  })

  test('a bug says nothing of itself but in the log', async () => {
    server.operations.fault = new TypeError('inner detail')
    const answer = await ask(server, transport, EXAMPLES.status!)
    expect([answer.status, faults('GET', '/api/v1/status', answer)]).toEqual([500, null])
    expect(answer.text).not.toContain('inner detail')
    expect(server.log.join('')).toContain('inner detail')
  })

  test('HEAD is GET without the body; what else there is, is said', async () => {
    const head = await ask(server, transport, { method: 'HEAD', path: '/api/v1/status' })
    expect([head.status, head.text]).toEqual([200, ''])
    for (const method of ['OPTIONS', 'DELETE', 'PUT', 'PATCH', 'POST']) {
      const answer = await ask(server, transport, {
        method,
        path: '/api/v1/status',
        headers: { origin: 'http://evil.test' },
      })
      expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, 'GET, HEAD'])
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
    const get = await ask(server, transport, { path: '/api/v1/query' })
    expect([get.status, get.headers.allow]).toEqual([405, 'POST'])
    expect((await ask(server, transport, { path: '/api/v1/none' })).status).toBe(404)
    expect((await ask(server, transport, { path: '/api/v1/status/' })).status).toBe(404)
  })

  test('every answer is safe from browsers', async () => {
    for (const path of ['/api/v1/status', '/api/v1/none', '/healthz', '/metrics', '/api/v1/incidents?x']) {
      expect((await ask(server, transport, { path })).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'content-security-policy': expect.stringContaining("default-src 'none'"),
      })
    }
  })
})

test('a long list, which is made in parts, is the same list', async () => {
  const columns = [{ name: 'n', type: 'String' }]
  const query = server.operations.query.bind(server.operations)
  for (const length of [50, 51, 100, 151, 3000]) {
    const rows = Array.from({ length }, (_, row) => [`value "${row}"`, row, null])
    server.operations.query = async () => ({ columns, rows, cut: true, elapsedMs: 1 })
    const answer = await ask(server, 'tcp', EXAMPLES.query!)
    expect(answer.json).toEqual({ columns, rows, cut: true, elapsed_ms: 1 })
  }
  server.operations.query = query
})
