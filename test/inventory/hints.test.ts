import { expect, test } from 'vitest'
import { renderRoute } from '../../daemon/cli/route-view.ts'
import { openApiOf } from '../../daemon/inventory/openapi-export.ts'
import { handMade, routesOf } from './learn.ts'

const JSON_TYPE: [string, string][] = [['Content-Type', 'application/json']]
const LOOK = { width: 100, colour: false }

function seen(target: string, fake: Parameters<ReturnType<typeof handMade>['send']>[0] = {}) {
  const { inventory, send } = handMade()
  send({ target, ...fake })
  return routesOf(inventory)[0]!
}

test('answers that say that a route goes are told, with the day', () => {
  const route = seen('/v1/orders', {
    responseHeaders: [
      ['Deprecation', '@1688169599'],
      ['Sunset', 'Sun, 30 Jun 2027 23:59:59 GMT'],
    ],
  })
  expect(route.deprecated).toEqual({ seen: 1, sunset: 'Sun, 30 Jun 2027 23:59:59 GMT' })
  expect(renderRoute({ ...route, documented: null }, LOOK)).toContain(
    'said by 1 answer, gone after Sun, 30 Jun 2027 23:59:59 GMT',
  )
  expect(openApiOf(route.service, [route])).toMatchObject({ paths: { '/v1/orders': { get: { deprecated: true } } } })
  expect(seen('/v1/orders').deprecated).toBeNull()
  expect(seen('/v1/orders', { responseHeaders: [['Sunset', '\u001b[2Jsoon']] }).deprecated).toEqual({
    seen: 1,
    sunset: null,
  })
})

test('words of the path and fields of the request hint at a privilege; those of the answer do not', () => {
  const body = '{"user":{"is_admin":false},"note":"admin"}'
  const route = seen('/api/admin/users', {
    method: 'POST',
    headers: JSON_TYPE,
    body,
    responseHeaders: JSON_TYPE,
    responseBody: '{"role":"admin"}',
  })
  expect(route.privilege).toEqual(['path admin', 'body user.is_admin'])
  expect(renderRoute({ ...route, documented: null }, LOOK)).toContain('hinted at by path admin, body user.is_admin')
  expect(seen('/administrate-nothing').privilege).toEqual([])
})
