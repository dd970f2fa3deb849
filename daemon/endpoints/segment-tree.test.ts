import { expect, test } from 'vitest'
import { fakeTelemetry } from '../../test/fake-exchange.ts'
import { rpcOperation } from '../identity/rpc-operation.ts'
import type { Transaction } from '../model/transaction.ts'
import { ENDPOINT_DEFAULTS, EndpointMapper, type EndpointOptions } from './mapper.ts'

const USER = '{"id":1,"name":"a","email":"e","city":"c"}'
const LIST = '{"items":[],"page":1,"total":0,"next":"n","sort":"s"}'
const WORDS = 'kitchen garden office outdoor lighting textiles audio photo travel toys games books'.split(' ')

interface Sent {
  readonly method?: string
  readonly status?: number
  readonly answer?: string
  readonly body?: string
  readonly caller?: string
}

function mapping(options: Partial<EndpointOptions> = {}) {
  const mapper = new EndpointMapper({ ...ENDPOINT_DEFAULTS, ...options }, fakeTelemetry())
  let turn = 0
  const send = (path: string, { method = 'GET', status = 200, answer = USER, body = '', caller }: Sent = {}) => {
    const tx = {
      host: 'api.shop.test',
      scheme: 'http',
      method,
      path,
      status,
      principal: { id: caller ?? `caller-${turn++ % 3}` },
      operation: rpcOperation(body, () => false),
      requestBodyBytes: body.length,
      responseBody: answer,
      endpoint: null,
      service: null,
      objectIds: [] as string[],
      knownEndpoint: false,
    }
    mapper.map(tx as unknown as Transaction)
    return tx
  }
  return { mapper, send }
}

test('words joined by three are one segment from the fifth on, and what came before is counted with it', () => {
  const { send, mapper } = mapping()
  const slugs = [
    'brisk-red-lamp',
    'calm-blue-chair',
    'keen-sand-table',
    'noble-teal-mug',
    'olive-rust-vase',
    'pearl-navy-tent',
  ]
  for (const slug of slugs) send(`/products/${slug}`)
  const seen = send('/products/never-seen-before')
  expect(seen.endpoint).toBe('GET /products/{id}')
  expect(seen.objectIds).toEqual(['never-seen-before'])
  expect(seen.knownEndpoint).toBe(true)
  expect(mapper.sizes().endpoints!.entries).toBe(1)
  expect(mapper.sizes().endpoint_candidates!.entries).toBe(0)
})

test('plain words are one segment when they answer alike, and stay when they do not', () => {
  const { send } = mapping()
  for (const word of WORDS) send(`/categories/${word}/items`)
  expect(send('/categories/bath/items').endpoint).toBe('GET /categories/{id}/items')
  for (const word of WORDS) send(`/v1/${word}`, { answer: `{"${word}_a":1,"${word}_b":2,"${word}_c":3,"${word}_d":4}` })
  expect(send('/v1/kitchen').endpoint).toBe('GET /v1/kitchen')
})

test('an answer of few names says nothing: functions that all say ok stay apart', () => {
  const { send } = mapping()
  for (const word of WORDS) for (let i = 0; i < 3; i++) send(`/api/${word}`, { answer: '{"ok":true}' })
  expect(send('/api/kitchen').endpoint).toBe('GET /api/kitchen')
})

test('resources with something of their own below them stay apart', () => {
  const { send } = mapping()
  for (const word of WORDS) {
    send(`/v1/${word}/1`)
    send(`/v1/${word}/1/${word}-parts`)
  }
  expect(send('/v1/garden/7').endpoint).toBe('GET /v1/garden/{id}')
})

test('codes need three, and what is reserved stays', () => {
  const { send } = mapping()
  for (const code of ['EUR', 'USD', 'CHF']) send(`/rates/${code}`)
  expect(send('/rates/JPY').endpoint).toBe('GET /rates/{id}')
  for (const name of ['lena.holm', 'jan.sato', 'mira.ek', 'paul.roth', 'rosa.lund', 'hugo.berg']) send(`/u/${name}`)
  send('/u/me')
  expect(send('/u/me').endpoint).toBe('GET /u/me')
  expect(send('/u/zoe.tran').endpoint).toBe('GET /u/{id}')
})

test('an extension is kept', () => {
  const { send } = mapping()
  for (const name of ['lena.holm', 'jan.sato', 'mira.ek', 'paul.roth', 'rosa.lund'])
    send(`/avatars/${name}.png`, { answer: '' })
  const seen = send('/avatars/zoe.tran.png', { answer: '' })
  expect(seen.endpoint).toBe('GET /avatars/{id}.png')
  expect(seen.objectIds).toEqual(['zoe.tran'])
})

test('values of several segments come back in the order of the path', () => {
  const { send } = mapping()
  for (const slug of ['a-b-c', 'd-e-f', 'g-h-i', 'j-k-l', 'm-n-o', 'p-q-r']) send(`/t/${slug}/docs/7`)
  const seen = send('/t/s-t-u/docs/9')
  expect(seen.endpoint).toBe('GET /t/{id}/docs/{id2}')
  expect(seen.objectIds).toEqual(['s-t-u', '9'])
})

test('what was merged and answers otherwise is taken out again', () => {
  const { send } = mapping()
  for (let i = 0; i < 12; i++) send(`/products/brisk-red-thing${String.fromCharCode(97 + i)}`)
  expect(send('/products/by-the-dozen', { answer: LIST }).endpoint).toBe('GET /products/{id}')
  for (let i = 0; i < 2000; i++)
    send(i % 3 === 0 ? '/products/by-the-dozen' : `/products/calm-red-thing${i % 50}`, {
      answer: i % 3 === 0 ? LIST : USER,
    })
  expect(send('/products/by-the-dozen', { answer: LIST }).endpoint).toBe('GET /products/by-the-dozen')
  expect(send('/products/brisk-red-other').endpoint).toBe('GET /products/{id}')
})

test.each([404, 401, 403, 302, 500])('%d teaches nothing', (status) => {
  const { send, mapper } = mapping()
  for (let i = 0; i < 60; i++)
    send(`/x/not-a-thing${String.fromCharCode(97 + (i % 26))}${String.fromCharCode(97 + i / 26)}`, { status })
  expect(mapper.sizes().endpoint_places!.entries).toBe(0)
})

test('one caller alone teaches nothing', () => {
  const { send } = mapping()
  for (let i = 0; i < 40; i++) send(`/x/made-up-${'abcdefghij'[i % 10]}${'klmn'[i % 4]}`, { caller: 'alone' })
  expect(send('/x/made-up-zz', { caller: 'alone' }).endpoint).toBe('GET /x/made-up-zz')
})

test('a service that answers any path grows to its limit and no further, and a pushed-out one gives its places back', () => {
  const { send, mapper } = mapping({ maxPlaces: 500 })
  for (let i = 0; i < 20_000; i++) send(`/p${i.toString(36)}q/${(i * 7919).toString(36)}x/${i}`)
  expect(mapper.sizes().endpoint_places!.entries).toBeLessThanOrEqual(500)
  const few = mapping({ maxServices: 2 })
  for (let i = 0; i < 50; i++) {
    const tx = {
      host: `h${i}.test`,
      scheme: 'http',
      method: 'GET',
      path: `/a/b/c${i}x`,
      status: 200,
      principal: { id: 'a' },
    }
    few.mapper.map({
      ...tx,
      requestBodyBytes: 0,
      responseBody: USER,
      objectIds: [],
    } as unknown as Transaction)
  }
  expect(few.mapper.sizes().endpoint_places!.entries).toBeLessThanOrEqual(6)
})

test('a service that refuses whatever is asked gets no endpoints of it, whoever asks', () => {
  const { send, mapper } = mapping()
  for (let round = 0; round < 6; round++) for (const word of WORDS) send(`/internal/${word}`, { status: 401 })
  expect(mapper.sizes().endpoints!.entries).toBeLessThanOrEqual(5)
})

test('operations of GraphQL and JSON-RPC are endpoints of their own', () => {
  const { send } = mapping()
  const graph = (body: string) => send('/graphql', { method: 'POST', body }).endpoint
  expect(graph('{"operationName":"Cart","query":"query Cart { cart { id } }"}')).toBe('POST /graphql#Cart')
  expect(graph('{"query":"mutation Pay($id: ID) { pay(id: $id) { ok } }"}')).toBe('POST /graphql#Pay')
  const first = graph('{"query":"{ order(id: \\"7\\") { total } }"}')
  expect(first).toMatch(/^POST \/graphql#anonymous-[0-9a-f]{8}$/)
  expect(graph('{"query":"{ order(id: \\"8\\")  { total } }"}')).toBe(first)
  expect(graph('{"query":"{ customer(id: \\"8\\") { total } }"}')).not.toBe(first)
  expect(graph('[{"query":"{ a }"},{"query":"{ b }"}]')).toBe('POST /graphql#batch')
  expect(graph('{"broken')).toBe('POST /graphql')
  const rpc = send('/rpc', {
    method: 'POST',
    body: '{"jsonrpc":"2.0","id":1,"method":"ledger.getBalance","params":{}}',
  })
  expect(rpc.endpoint).toBe('POST /rpc#ledger.getBalance')
})

test('made-up names of operations become no endpoints', () => {
  const { send, mapper } = mapping()
  for (let i = 0; i < 5000; i++) {
    send('/graphql', {
      method: 'POST',
      status: 400,
      body: `{"operationName":"Made${i}","query":"query Made${i} { a }"}`,
    })
  }
  expect(mapper.sizes().endpoint_candidates!.entries).toBe(0)
})

test('objects that are called by two words vary in both, once what lies below them is alike', () => {
  const { send } = mapping()
  for (let i = 0; i < 60; i++) {
    const [owner, name] = [`${'bdfgklmnpr'[i % 10]}ela`, `${'stvz'[i % 4]}oru${'bdfgklmnpr'[i % 10]}a`]
    const below = ['issues', 'branches', 'tags', 'hooks', 'pulls'][i % 5]!
    send(`/repos/${owner}/${name}/${below}`, { answer: `{"${below}":1,"${below}_b":2,"${below}_c":3,"${below}_d":4}` })
  }
  expect(send('/repos/wuno/xalo/tags').endpoint).toBe('GET /repos/{id}/{id2}/tags')
})

test('lists of one form stay apart, as do a few meters that answer alike', () => {
  const { send } = mapping()
  for (const word of WORDS) {
    for (let i = 0; i < 3; i++) send(`/api/${word}`)
    for (let i = 0; i < 3; i++) send(`/api/${word}/${100 + i}`)
    for (let i = 0; i < 3; i++) send(`/api/meters/${word}`, { answer: LIST })
  }
  expect(send('/api/kitchen').endpoint).toBe('GET /api/kitchen')
  expect(send('/api/kitchen/7').endpoint).toBe('GET /api/kitchen/{id}')
  expect(send('/api/meters/kitchen', { answer: LIST }).endpoint).toBe('GET /api/meters/kitchen')
})

test('words that are only ever removed are objects', () => {
  const { send } = mapping()
  for (const word of WORDS) send(`/secrets/${word}`, { method: 'DELETE', status: 204, answer: '' })
  expect(send('/secrets/bath', { method: 'DELETE', status: 204, answer: '' }).endpoint).toBe('DELETE /secrets/{id}')
})

const answerOf = (...names: string[]) => JSON.stringify(Object.fromEntries(names.map((name) => [name, 1])))
const PEOPLE = ['lena', 'hugo', 'mira', 'jan', 'rosa', 'paul', 'zoe', 'ivan', 'nora', 'emil', 'ida', 'otto']

test('an answer that names its own word is about an object of that name', () => {
  const { send } = mapping()
  for (const name of PEOPLE) send(`/v1/people/${name}`, { answer: `{"login":"${name}","bio":""}` })
  expect(send('/v1/people/greta', { answer: '{"login":"greta","bio":""}' }).endpoint).toBe('GET /v1/people/{id}')
  for (const word of WORDS) send(`/v1/meters/${word}`, { answer: '{"unit":"s","step":1}' })
  expect(send('/v1/meters/kitchen').endpoint).toBe('GET /v1/meters/kitchen')
})

test('a word that is known to name an object is one at other places, where answers say nothing', () => {
  const { send } = mapping()
  const silent = { method: 'PUT', status: 204, answer: '' }
  const silently = (name: string) => send(`/blocks/${name}`, silent).endpoint
  for (const name of PEOPLE.slice(0, 6)) silently(name)
  expect(silently('lena')).toBe('PUT /blocks/lena')
  for (const name of PEOPLE) send(`/people/${name}`, { answer: `{"login":"${name}","bio":""}` })
  for (const name of PEOPLE.slice(0, 6)) silently(name)
  expect(silently('lena')).toBe('PUT /blocks/{id}')
  expect(silently('zoe')).toBe('PUT /blocks/{id}')
})

test('a function that is called after objects were told stays itself: it answers otherwise, or where they answer nothing', () => {
  const { send } = mapping()
  const secret = (name: string) => send(`/secrets/${name}`, { answer: `{"name":"${name}","created_at":1}` })
  for (const name of PEOPLE) secret(name)
  expect(secret('greta').endpoint).toBe('GET /secrets/{id}')
  for (let i = 0; i < 4; i++) send('/secrets/public-key', { answer: '{"key_id":1,"key":"k"}' })
  expect(send('/secrets/public-key', { answer: '{"key_id":1,"key":"k"}' }).endpoint).toBe('GET /secrets/public-key')
  expect(secret('otto').endpoint).toBe('GET /secrets/{id}')
  for (const name of PEOPLE) send(`/registry/${name}/repositories`, { answer: answerOf('a', 'b', 'c', 'd') })
  expect(send('/registry/greta/repositories').endpoint).toBe('GET /registry/{id}/repositories')
  expect(send('/registry/subscription', { answer: answerOf('tier', 'price') }).endpoint).toBe(
    'GET /registry/subscription',
  )
})

test('where a path does not go on as those of objects do, a refusal is still one of an object', () => {
  const { send } = mapping()
  for (const name of PEOPLE) send(`/people/${name}`, { answer: `{"login":"${name}","bio":""}` })
  expect(send('/people/unseen', { method: 'DELETE', status: 403, answer: '' }).endpoint).toBe('DELETE /people/{id}')
})

test('a new word that has the looks of an object is one wherever its path goes on', () => {
  const { send } = mapping()
  for (const slug of ['a-b-c', 'd-e-f', 'g-h-i', 'j-k-l', 'm-n-o']) send(`/t/${slug}/docs`)
  expect(send('/t/never-seen-before/members').endpoint).toBe('GET /t/{id}/members')
})

test('collections that answer alike stay apart, also when their objects have the same names', () => {
  const { send } = mapping()
  for (const [round, kind] of WORDS.entries()) {
    for (const name of PEOPLE) {
      send(`/api/v1/${kind}`, { answer: LIST })
      send(`/api/v1/namespaces/${100 + round}/${kind}/${name}`, { method: 'DELETE', status: 204, answer: '' })
      send(`/api/v1/namespaces/${100 + round}/${kind}/${name}/status`)
    }
  }
  for (let i = 0; i < 40; i++) send(`/v2/${'bdfgklmnpr'[i % 10]}ela${'stvz'[Math.floor(i / 10)]}oru`, { answer: LIST })
  expect(send('/api/v1/kitchen', { answer: LIST }).endpoint).toBe('GET /api/v1/kitchen')
  expect(send('/v2/belasoru', { answer: LIST }).endpoint).toBe('GET /v2/belasoru')
  expect(send('/api/v1/namespaces/7/kitchen/lena/status').endpoint).toBe(
    'GET /api/v1/namespaces/{id}/kitchen/{id2}/status',
  )
})

test('an id without a digit is one when it has the form of those beside it', () => {
  const { send } = mapping()
  for (const id of ['shi_a8BDf3kLm2QpXz', 'shi_Zk49LmQw8RtYpd', 'shi_5GhJkLpQwErTyU']) send(`/shipments/${id}`)
  expect(send('/shipments/shi_fsyfbzDRbHsfDp').endpoint).toBe('GET /shipments/{id}')
  expect(send('/shipments/cancelled-late').endpoint).toBe('GET /shipments/cancelled-late')
})

test('what names objects outlives the process', () => {
  const { send, mapper } = mapping()
  for (const name of PEOPLE) send(`/people/${name}`, { answer: `{"login":"${name}","bio":""}` })
  const next = mapping()
  for (const line of JSON.parse(JSON.stringify([...mapper.snapshot()])) as unknown[]) next.mapper.restore(line)
  expect([...next.mapper.snapshot()]).toEqual([...mapper.snapshot()])
  for (const each of [mapping(), next]) {
    for (const name of PEOPLE.slice(0, 6)) each.send(`/blocks/${name}`, { method: 'PUT', status: 204, answer: '' })
    const { endpoint } = each.send('/blocks/lena', { method: 'PUT', status: 204, answer: '' })
    expect(endpoint).toBe(each === next ? 'PUT /blocks/{id}' : 'PUT /blocks/lena')
  }
})
