import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { byHand, CURL_LEDGER, curl, nodeCall } from './clients.ts'
import { SERVER } from './network.ts'
import { NGINX_PORT, PROXY_PORT } from './nginx.ts'
import type { LedgerEntry } from './note.ts'
import { NODE_PORT } from './origin.ts'
import { curlName, hand, nginx, node } from './players.ts'
import type { Scene } from './scenes.ts'

const NGINX = `http://${SERVER}`
const NODE = `http://${SERVER}:${NODE_PORT}`
const host = ['-H', 'Host: api.shop.test']

/** Calls on one keep-alive connection, one after the other. */
async function inTurn(calls: readonly ((agent: Agent) => Promise<LedgerEntry>)[]): Promise<LedgerEntry[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ledger: LedgerEntry[] = []
  for (const call of calls) ledger.push(await call(agent))
  agent.destroy()
  return ledger
}

/** Methods, statuses and the shapes of a message. */
export const MESSAGES: readonly Scene[] = [
  {
    name: 'get-curl-nginx',
    shows: 'one GET, the smallest ordinary pair',
    server: nginx,
    client: curlName,
    play: () => curl([...host, `${NGINX}/hello`]),
  },
  {
    name: 'keep-alive',
    shows: 'six requests on one connection, bodies both ways',
    server: node,
    client: node,
    play: () =>
      inTurn([
        (agent) => nodeCall('/orders/', { agent }),
        (agent) => nodeCall('/orders/1001?expand=items', { agent }),
        (agent) =>
          nodeCall('/received', {
            agent,
            method: 'POST',
            body: '{"item":7}',
            headers: { 'content-type': 'application/json' },
          }),
        (agent) => nodeCall('/orders/1002', { agent }),
        (agent) => nodeCall('/status/404', { agent }),
        (agent) => nodeCall('/orders/1003', { agent, method: 'DELETE' }),
      ]),
  },
  {
    name: 'methods',
    shows: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, and a method of its own (PROPFIND)',
    server: node,
    client: node,
    play: () =>
      inTurn(
        ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'].map(
          (method) => (agent) =>
            nodeCall('/orders/1001', {
              agent,
              method,
              ...(/^P(OST|UT|ATCH)/.test(method) ? { body: '{"state":"sent"}' } : {}),
            }),
        ),
      ),
  },
  {
    name: 'head-then-get',
    shows: 'HEAD answers with a Content-Length and no body; the next response starts right behind it',
    server: nginx,
    client: curlName,
    play: async () => [
      ...(await curl([
        '-I',
        ...host,
        `${NGINX}/hello`,
        '--next',
        '-sS',
        '-w',
        CURL_LEDGER,
        ...host,
        '-o',
        '/dev/null',
        `${NGINX}/hello`,
      ])),
    ],
  },
  {
    name: 'head-keep-alive',
    shows: 'HEAD, GET, HEAD, GET on one connection',
    server: node,
    client: node,
    play: () =>
      inTurn(['HEAD', 'GET', 'HEAD', 'GET'].map((method) => (agent) => nodeCall('/bytes/700', { agent, method }))),
  },
  {
    name: 'no-content',
    shows: '204, then a GET on the same connection',
    server: node,
    client: node,
    play: () =>
      inTurn([
        (agent) => nodeCall('/status/204', { agent, method: 'DELETE' }),
        (agent) => nodeCall('/hello', { agent }),
      ]),
  },
  {
    name: 'not-modified',
    shows: '200 with an ETag, then 304 to If-None-Match, then another GET',
    server: node,
    client: node,
    play: () =>
      inTurn([
        (agent) => nodeCall('/etag', { agent }),
        (agent) => nodeCall('/etag', { agent, headers: { 'if-none-match': '"v1"' } }),
        (agent) => nodeCall('/hello', { agent }),
      ]),
  },
  {
    name: 'continue-waited',
    shows: 'Expect: 100-continue, the client waits for the interim response before it sends the body',
    server: node,
    client: node,
    play: () =>
      inTurn([
        (agent) =>
          nodeCall('/received', {
            agent,
            method: 'POST',
            body: 'w'.repeat(900),
            headers: { expect: '100-continue' },
            expectContinue: true,
          }),
        (agent) => nodeCall('/hello', { agent }),
      ]),
  },
  {
    name: 'continue-not-waited',
    shows: 'Expect: 100-continue, head and body sent together; 100 comes all the same',
    server: node,
    client: hand,
    play: () =>
      byHand(
        NODE_PORT,
        ['POST /received HTTP/1.1\r\nHost: api.shop.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello'],
        /100 Continue[\s\S]*HTTP\/1.1 201 [\s\S]*"received":5/,
        [{ method: 'POST', target: '/received', status: 201, requestBody: 5, responseBody: 14 }],
      ),
  },
  {
    name: 'continue-refused',
    shows: 'Expect: 100-continue answered by 417; the announced body is never sent',
    server: node,
    client: hand,
    play: () =>
      byHand(
        NODE_PORT,
        ['POST /refuse HTTP/1.1\r\nHost: api.shop.test\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n'],
        /HTTP\/1.1 417 /,
        [
          {
            method: 'POST',
            target: '/refuse',
            status: 417,
            requestBody: 0,
            responseBody: 0,
            state: 'truncated',
            pairing: 'inferred',
          },
        ],
      ),
  },
  {
    name: 'early-hints',
    shows: '103 Early Hints before the final 200',
    server: node,
    client: node,
    play: () => inTurn([(agent) => nodeCall('/hints', { agent }), (agent) => nodeCall('/hello', { agent })]),
  },
  {
    name: 'options-asterisk',
    shows: 'OPTIONS *',
    server: nginx,
    client: curlName,
    play: () => curl(['-X', 'OPTIONS', '--request-target', '*', ...host, NGINX], ['*']),
  },
  {
    name: 'absolute-form',
    shows: 'requests in absolute form through a proxy',
    server: async () => `${await nginx()} as proxy`,
    client: curlName,
    play: () =>
      curl(
        [
          '-x',
          `http://${SERVER}:${PROXY_PORT}`,
          'http://api.shop.test/orders/1001?expand=items',
          '-o',
          '/dev/null',
          'http://api.shop.test/hello',
        ],
        ['http://api.shop.test/orders/1001?expand=items', 'http://api.shop.test/hello'],
      ),
  },
  {
    name: 'connect-tunnel',
    shows: 'CONNECT, then bytes of another protocol both ways',
    server: node,
    client: node,
    play: async () => [await nodeCall('shop.test:443', { method: 'CONNECT', headers: { host: 'shop.test:443' } })],
  },
  {
    name: 'websocket-upgrade',
    shows: '101 Switching Protocols, then WebSocket frames',
    server: node,
    client: node,
    play: async () => [
      await nodeCall('/live', {
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        },
      }),
    ],
  },
  {
    name: 'redirect-token',
    shows: 'a redirect whose Location carries a code and a token',
    server: node,
    client: curlName,
    play: () => curl([...host, `${NODE}/redirect`]),
  },
  {
    name: 'redirect-nginx',
    shows: "301 with nginx's own page",
    server: nginx,
    client: curlName,
    play: () => curl([...host, `${NGINX}/moved`]),
  },
  {
    name: 'credentials',
    shows: '401, then Basic, Bearer (a JWT and an opaque token), an API key and cookies; all made up',
    server: node,
    client: curlName,
    play: async () => {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const jwt = `${part({ alg: 'HS256', typ: 'JWT', kid: 'k-1' })}.${part({ iss: 'https://id.shop.test', sub: 'u-1042', tenant: 't-7', role: ['buyer'], exp: 1893456000 })}.bm90LWEtcmVhbC1zaWduYXR1cmU`
      return [
        ...(await curl([...host, `${NODE}/private`])),
        ...(await curl([...host, '-u', 'ada:made-up-password', `${NODE}/private`])),
        ...(await curl([...host, '-H', `Authorization: Bearer ${jwt}`, `${NODE}/private`])),
        ...(await curl([...host, '-H', 'Authorization: Bearer made-up-opaque-token', `${NODE}/private`])),
        ...(await curl([...host, '-H', 'X-API-Key: made-up-key-1', `${NODE}/orders/`])),
        ...(await curl([...host, '-b', 'sid=made-up-session-3; theme=dark', `${NODE}/orders/1001`])),
        ...(await curl([...host, '-d', 'user=ada&password=made-up-password', `${NODE}/login`])),
      ]
    },
  },
  {
    name: 'secret-in-target',
    shows: 'tokens in the query and in the path segment after reset',
    server: node,
    client: curlName,
    play: async () => {
      const sent = await curl([
        ...host,
        `${NODE}/orders/?access_token=made-up-token-5&page=2`,
        '-o',
        '/dev/null',
        `${NODE}/password/reset/made-up-token-6`,
      ])
      return sent.map((line) => ({ ...line, target: line.target!.replace(/made-up-token-\d/, '*') }))
    },
  },
  {
    name: 'error-pages',
    shows: '400, 404, 413, 414, 500, 502 and 504 from nginx',
    server: nginx,
    client: curlName,
    play: async () => [
      ...(await curl([...host, '-H', `X-Long: ${'a'.repeat(3000)}`, `${NGINX}/hello`])),
      ...(await curl([...host, `${NGINX}/nothing/here`])),
      ...(await curl([...host, `${NGINX}/hello?${'q'.repeat(2000)}`])),
      ...(await curl([...host, `${NGINX}/fail`])),
      ...(await curl([...host, `http://${SERVER}:${PROXY_PORT}/dead/end`])),
      ...(await curl([...host, `http://${SERVER}:${PROXY_PORT}/slow/1500`])),
    ],
  },
  {
    name: 'header-too-large',
    shows: '431 from Node',
    server: node,
    client: curlName,
    play: () => curl([...host, '-H', `X-Long: ${'a'.repeat(17_000)}`, `${NODE}/hello`]),
  },
  {
    name: 'many-headers',
    shows: '90 header fields and one of 6 KB',
    server: node,
    client: node,
    play: async () => {
      const headers: Record<string, string> = { 'x-long': 'l'.repeat(6000) }
      for (let i = 0; i < 90; i++) headers[`x-field-${i}`] = `value ${i}`
      return [await nodeCall('/hello', { headers })]
    },
  },
  {
    name: 'early-413',
    shows: '413 before the whole body was sent; the client stops',
    server: node,
    client: hand,
    play: () =>
      byHand(
        NODE_PORT,
        [
          'POST /early-413 HTTP/1.1\r\nHost: api.shop.test\r\nContent-Length: 100000\r\n\r\n',
          'e'.repeat(1200),
          { wait: /too large/ },
        ],
        /413 Payload Too Large[\s\S]*too large/,
        [
          {
            method: 'POST',
            target: '/early-413',
            status: 413,
            requestBody: 1200,
            responseBody: 9,
            state: 'truncated',
            pairing: 'inferred',
          },
        ],
      ),
  },
  {
    name: 'utf8-and-latin1',
    shows: 'raw UTF-8 in a target and a latin1 byte in a header; both unencoded',
    server: nginx,
    client: hand,
    play: () => {
      const utf8 = Buffer.from('/v1/caf\u00e9').toString('latin1')
      return byHand(
        NGINX_PORT,
        [
          `GET ${utf8} HTTP/1.1\r\nHost: api.shop.test\r\n\r\n`,
          { wait: /open"}/ },
          'GET /hello HTTP/1.1\r\nHost: api.shop.test\r\nX-Name: J\xf6rg\r\n\r\n',
        ],
        /open"}[\s\S]*hello from/,
        [
          { method: 'GET', target: '/v1/caf\u00e9', status: 200, requestBody: 0, responseBody: 26 },
          { method: 'GET', target: '/hello', status: 200, requestBody: 0, responseBody: 17, weirds: ['text.latin1'] },
        ],
      )
    },
  },
  {
    name: 'forwarded-headers',
    shows: 'X-Forwarded-For and Forwarded from a caller behind a hop',
    server: node,
    client: curlName,
    play: () =>
      curl([
        ...host,
        '-H',
        'X-Forwarded-For: 203.0.113.9, 198.51.100.77',
        '-H',
        'Forwarded: for=203.0.113.9;proto=https',
        `${NODE}/hello`,
      ]),
  },
  {
    name: 'websocket-refused',
    shows: 'an Upgrade header the server ignores: an ordinary 200 and the connection goes on',
    server: nginx,
    client: curlName,
    play: () =>
      curl([
        ...host,
        '-H',
        'Connection: Upgrade',
        '-H',
        'Upgrade: websocket',
        `${NGINX}/hello`,
        '-o',
        '/dev/null',
        `${NGINX}/v1/orders/1042`,
      ]),
  },
  {
    name: 'slow-response',
    shows: 'a response that takes 1.5 seconds',
    server: node,
    client: curlName,
    play: () => curl([...host, `${NODE}/slow/1500`]),
  },
  {
    name: 'keep-alive-idle',
    shows: 'two requests on one connection with two idle seconds between',
    server: node,
    client: node,
    play: () =>
      inTurn([
        (agent) => nodeCall('/hello', { agent }),
        async (agent) => {
          await sleep(2000)
          return nodeCall('/orders/1001', { agent })
        },
      ]),
  },
  {
    name: 'keep-alive-paced',
    shows: 'six requests on one connection, 700 ms apart, as a person clicks',
    server: node,
    client: node,
    play: () =>
      inTurn(
        ['/orders/', '/orders/1001', '/received', '/orders/1002', '/status/404', '/orders/1003'].map(
          (target) => async (agent) => {
            await sleep(700)
            return nodeCall(target, {
              agent,
              ...(target === '/received' ? { method: 'POST', body: '{"item":7}' } : {}),
            })
          },
        ),
      ),
  },
  {
    name: 'nginx-keep-alive',
    shows: 'five requests on one connection by curl to nginx, one answered 204',
    server: nginx,
    client: curlName,
    play: () =>
      curl([
        ...host,
        `${NGINX}/hello`,
        ...['/empty', '/v1/orders/1', '/v1/orders/2', '/v1/orders/3?full=1'].flatMap((path) => [
          '-o',
          '/dev/null',
          `${NGINX}${path}`,
        ]),
      ]),
  },
]
