import fc from 'fast-check'
import { expect, test } from 'vitest'
import { templateOf } from './template.ts'

test.each([
  ['/', '/', []],
  ['', '/', []],
  ['/v1/orders', '/v1/orders', []],
  ['/v1/orders/', '/v1/orders', []],
  ['//v1//orders//', '/v1/orders', []],
  ['/v1/orders/1042', '/v1/orders/{id}', ['1042']],
  ['/v1/orders/1042/', '/v1/orders/{id}', ['1042']],
  ['/v1/orders/1042/items/7', '/v1/orders/{id}/items/{id2}', ['1042', '7']],
  ['/a/1/b/2/c/3', '/a/{id}/b/{id2}/c/{id3}', ['1', '2', '3']],
  ['/a/1/2024-05-01/9', '/a/{id}/{date}/{id2}', ['1', '2024-05-01', '9']],
  ['/users/6f9619ff-8b86-4d01-b42d-00cf4fc964ff', '/users/{id}', ['6f9619ff-8b86-4d01-b42d-00cf4fc964ff']],
  ['/users/01ARZ3NDEKTSV4RRFFQ69G5FAV', '/users/{id}', ['01ARZ3NDEKTSV4RRFFQ69G5FAV']],
  ['/blobs/9f86d081884c7d65', '/blobs/{id}', ['9f86d081884c7d65']],
  ['/users/hmac:0123456789abcdef0123456789abcdef/x', '/users/{id}/x', ['hmac:0123456789abcdef0123456789abcdef']],
  ['/users/jo@shop.test', '/users/{id}', ['jo@shop.test']],
  ['/users/jo%40shop.test', '/users/{id}', ['jo%40shop.test']],
  ['/search/red%20shoes', '/search/{id}', ['red%20shoes']],
  ['/%6Frders/1', '/orders/{id}', ['1']],
  ['/orders/ord-10482', '/orders/{id}', ['ord-10482']],
  ['/customers/cus_NffrFeUfNV2Hib', '/customers/{id}', ['cus_NffrFeUfNV2Hib']],
  ['/invoices/inv_pAtKEqJHschYHe.pdf', '/invoices/{id}.pdf', ['inv_pAtKEqJHschYHe']],
  ['/api_getCustomerOrders', '/api_getCustomerOrders', []],
  ['/files/1042.json', '/files/{id}.json', ['1042']],
  ['/files/report.json', '/files/report.json', []],
  ['/assets/app.min.js', '/assets/app.min.js', []],
  ['/shop;color=red/cart', '/shop/cart', []],
  ['/1/boards/5f9619ff8b864d01b42d00cf', '/1/boards/{id}', ['5f9619ff8b864d01b42d00cf']],
  ['/2.0/repositories', '/2.0/repositories', []],
  ['/2010-04-01/Accounts/7', '/2010-04-01/Accounts/{id}', ['7']],
  ['/rest/api/3/issue/7', '/rest/api/3/issue/{id}', ['7']],
  ['/3', '/{id}', ['3']],
  ['/12/profile', '/{id}/profile', ['12']],
  ['/orders/3/lines', '/orders/{id}/lines', ['3']],
  ['/tracks/BlBJavOwquSNNbyXksBbhI', '/tracks/{id}', ['BlBJavOwquSNNbyXksBbhI']],
  ['/cart/coupons/SAVE10-P14A', '/cart/coupons/{id}', ['SAVE10-P14A']],
  ['/batch/1,2,3', '/batch/{id}', ['1,2,3']],
  ['/hosts/192.0.2.7', '/hosts/{id}', ['192.0.2.7']],
  ['/oauth2/token', '/oauth2/token', []],
  ['/api/v2.1/s3/ipv4/sha256/utf-8', '/api/v2.1/s3/ipv4/sha256/utf-8', []],
  ['/password-reset/two-factor-authentication-settings', '/password-reset/two-factor-authentication-settings', []],
  ['/getCustomerOrderHistoryByRegion', '/getCustomerOrderHistoryByRegion', []],
  ['/.env', '/.env', []],
  [`/x/${'a'.repeat(65)}`, '/x/{id}', ['a'.repeat(65)]],
])('%s is %s', (path, template, values) => {
  expect(templateOf(path)).toEqual({ template, values })
})

test('a path of hundreds of segments ends in a rest', () => {
  const { template } = templateOf('/a'.repeat(500))
  expect(template).toBe(`${'/a'.repeat(32)}/{rest}`)
})

test('whatever the ids, an endpoint is one template, and its values come back in order', () => {
  const id = fc.oneof(fc.nat().map(String), fc.uuid(), fc.ulid())
  fc.assert(
    fc.property(id, id, (first, second) => {
      expect(templateOf(`/v1/orders/${first}/items/${second}`)).toEqual({
        template: '/v1/orders/{id}/items/{id2}',
        values: [first, second],
      })
    }),
  )
})

test('no path makes it throw or take long', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (path) => templateOf(path).template.length > 0))
  for (const piece of ['/', '%', '%41', '1', '-1', 'a@', ',1', 'A1b', '.', ';', ':']) templateOf(piece.repeat(500_000))
})
