import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { byHand, curl, nodeCall, scripted } from './clients.ts'
import { SERVER } from './network.ts'
import { NODE_PORT } from './origin.ts'
import { curlName, hand, nginx, node } from './players.ts'
import type { Scene } from './scenes.ts'

const NGINX = `http://${SERVER}`
const NODE = `http://${SERVER}:${NODE_PORT}`
const host = ['-H', 'Host: api.shop.test']

/** How bodies are framed and encoded. */
export const BODIES: readonly Scene[] = [
  {
    name: 'chunked',
    shows: 'a chunked response in many segments',
    server: node,
    client: curlName,
    play: () => curl([...host, `${NODE}/chunked/8500`]),
  },
  {
    name: 'chunk-trailers',
    shows: 'a chunked response with a trailer field, then another response',
    server: node,
    client: curlName,
    play: () => curl([...host, `${NODE}/trailers`, '-o', '/dev/null', `${NODE}/hello`]),
  },
  {
    name: 'chunk-extensions',
    shows: 'chunk sizes with extensions, upper-case hex and leading zeros',
    server: hand,
    client: hand,
    play: ({ script }) =>
      scripted(
        script,
        [
          { from: 'client', text: 'GET /ext HTTP/1.1\r\nHost: api.shop.test\r\n\r\n' },
          {
            from: 'server',
            text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;name=value\r\nhello\r\n00A;q="a b"\r\n0123456789\r\n0;last\r\n\r\n',
          },
          { from: 'client', text: 'GET /after HTTP/1.1\r\nHost: api.shop.test\r\n\r\n' },
          { from: 'server', text: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' },
        ],
        [
          {
            method: 'GET',
            target: '/ext',
            status: 200,
            requestBody: 0,
            responseBody: 15,
            weirds: ['http.chunk_extension'],
          },
          { method: 'GET', target: '/after', status: 200, requestBody: 0, responseBody: 2 },
        ],
      ),
  },
  {
    name: 'until-close',
    shows: 'HTTP/1.0 without a length: the body ends with the connection',
    server: node,
    client: hand,
    play: () =>
      byHand(NODE_PORT, ['GET /chunked/3000 HTTP/1.0\r\nHost: api.shop.test\r\n\r\n'], /y{3000}$/, [
        { method: 'GET', target: '/chunked/3000', status: 200, requestBody: 0, responseBody: 3000 },
      ]),
  },
  {
    name: 'http10-nginx',
    shows: 'HTTP/1.0 request, Content-Length response, the server closes',
    server: nginx,
    client: curlName,
    play: () => curl(['--http1.0', ...host, `${NGINX}/hello`]),
  },
  {
    name: 'connection-close',
    shows: 'Connection: close from the client on HTTP/1.1',
    server: nginx,
    client: curlName,
    play: () => curl([...host, '-H', 'Connection: close', `${NGINX}/v1/orders/7`]),
  },
  {
    name: 'large-response',
    shows: 'a response body of 100,000 bytes',
    server: node,
    client: curlName,
    play: () => curl([...host, `${NODE}/bytes/100000`]),
  },
  {
    name: 'large-request',
    shows: 'a POST body of 90,000 bytes through nginx to Node',
    server: nginx,
    client: curlName,
    play: () => {
      const file = join(tmpdir(), `offpath-body-${process.pid}`)
      writeFileSync(file, 'u'.repeat(90_000))
      return curl([...host, '-H', 'Expect:', '--data-binary', `@${file}`, `${NGINX}/up/received`])
    },
  },
  {
    name: 'content-encodings',
    shows: 'gzip, deflate (both forms) and br with a Content-Length; gzip also chunked',
    server: node,
    client: node,
    play: async () => [
      await nodeCall('/gzip'),
      await nodeCall('/deflate'),
      await nodeCall('/deflate-raw'),
      await nodeCall('/br'),
      await nodeCall('/gzip/chunked'),
    ],
  },
  {
    name: 'gzip-nginx',
    shows: 'nginx compresses on the fly: chunked and gzip',
    server: nginx,
    client: curlName,
    play: () => curl([...host, '-H', 'Accept-Encoding: gzip', `${NGINX}/zip`]),
  },
  {
    name: 'post-bodies',
    shows: 'form, JSON and multipart request bodies',
    server: node,
    client: curlName,
    play: async () => [
      ...(await curl([...host, '-d', 'name=Ada&quantity=2', `${NODE}/received`])),
      ...(await curl([
        ...host,
        '-H',
        'Content-Type: application/json',
        '-d',
        '{"name":"Ada","items":[1,2,3]}',
        `${NODE}/received`,
      ])),
      ...(await curl([
        ...host,
        '-F',
        'name=Ada',
        '-F',
        'note=leave it at the door;filename=note.txt',
        `${NODE}/received`,
      ])),
    ],
  },
  {
    name: 'put-chunked',
    shows: 'a chunked request body in pieces, with a trailer',
    server: node,
    client: node,
    play: async () => [
      await nodeCall('/received', {
        method: 'PUT',
        pieces: ['first piece,', 'second piece,', 'third'],
        headers: { 'transfer-encoding': 'chunked', trailer: 'x-sum' },
        trailers: { 'x-sum': '29' },
      }),
    ],
  },
  {
    name: 'range',
    shows: '206 with Content-Range',
    server: hand,
    client: hand,
    play: ({ script }) =>
      scripted(
        script,
        [
          { from: 'client', text: 'GET /file HTTP/1.1\r\nHost: api.shop.test\r\nRange: bytes=10-19\r\n\r\n' },
          {
            from: 'server',
            text: 'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 10-19/100\r\nContent-Length: 10\r\n\r\n0123456789',
          },
        ],
        [{ method: 'GET', target: '/file', status: 206, requestBody: 0, responseBody: 10 }],
      ),
  },
  {
    name: 'body-binary',
    shows: 'a body with every byte value, and one that looks like a response inside',
    server: hand,
    client: hand,
    play: ({ script }) => {
      const every = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i))
      const inside = 'HTTP/1.1 500 Not Real\r\nContent-Length: 3\r\n\r\nno!'
      return scripted(
        script,
        [
          { from: 'client', text: 'GET /every HTTP/1.1\r\nHost: api.shop.test\r\n\r\n' },
          {
            from: 'server',
            text: `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 256\r\n\r\n${every}`,
          },
          { from: 'client', text: 'GET /inside HTTP/1.1\r\nHost: api.shop.test\r\n\r\n' },
          { from: 'server', text: `HTTP/1.1 200 OK\r\nContent-Length: ${inside.length}\r\n\r\n` },
          { from: 'server', text: inside, delayMs: 30 },
        ],
        [
          { method: 'GET', target: '/every', status: 200, requestBody: 0, responseBody: 256 },
          { method: 'GET', target: '/inside', status: 200, requestBody: 0, responseBody: inside.length },
        ],
      )
    },
  },
  {
    name: 'get-with-body',
    shows: 'GET and DELETE with bodies',
    server: node,
    client: curlName,
    play: async () => [
      ...(await curl([...host, '-X', 'GET', '-d', '{"query":"all"}', `${NODE}/received`])),
      ...(await curl([...host, '-X', 'DELETE', '-d', '{"ids":[1,2]}', `${NODE}/received`])),
    ],
  },
]
