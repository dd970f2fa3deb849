import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { byHand, curl, nodeCall } from './clients.ts'
import { SERVER } from './network.ts'
import { NGINX_PORT } from './nginx.ts'
import { apache, curlName, hand, haproxy, nginx, node, wrkName } from './players.ts'
import type { Scene } from './scenes.ts'
import { logged } from './scenes-connections.ts'
import { APACHE_PORT, HAPROXY_PORT, HELLO_CHANGED } from './web-servers.ts'

const host = ['-H', 'Host: api.shop.test']
const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: api.shop.test\r\n\r\n`
const urls = (port: number, targets: readonly string[]) =>
  targets.flatMap((target) => ['-o', '/dev/null', `http://${SERVER}:${port}${target}`]).slice(2)

/** The load of wrk: every 100 ms, on each of three connections, `count` requests at once. */
function wrk(name: string, shows: string, count: number): Scene {
  return {
    name,
    shows: `${shows}; the ledger is the server's log`,
    server: nginx,
    client: wrkName,
    play: async ({ accessLog, work }) => {
      const script = join(work, `${name}.lua`)
      writeFileSync(
        script,
        `function init() local all = {}; for i = 1, ${count} do all[i] = wrk.format("GET", "/v1/orders/" .. i) end
           batch = table.concat(all) end
         function request() return batch end
         function delay() return 100 end\n`,
      )
      const before = accessLog().length
      await promisify(execFile)('wrk', ['-t1', '-c3', '-d1s', '-s', script, `http://${SERVER}:${NGINX_PORT}`])
      await sleep(200)
      return logged(accessLog().slice(before))
    },
  }
}

/** Apache httpd, HAProxy, and the load generator wrk. */
export const SERVERS: readonly Scene[] = [
  {
    name: 'apache-files',
    shows: 'Apache httpd on one connection: a file, a part of it, 404, a directory it may not list',
    server: apache,
    client: curlName,
    play: async () => [
      ...(await curl([...host, ...urls(APACHE_PORT, ['/hello.txt', '/missing', '/long.txt', '/'])])),
      ...(await curl([...host, '-r', '10-29', ...urls(APACHE_PORT, ['/hello.txt', '/long.txt'])])),
      ...(await curl([...host, '-I', ...urls(APACHE_PORT, ['/hello.txt', '/long.txt'])])),
    ],
  },
  {
    name: 'apache-deflate',
    shows: 'Apache httpd compresses on the fly: gzip, chunked on 1.1, closing the connection on 1.0',
    server: apache,
    client: curlName,
    play: async () => [
      ...(await curl([...host, '-H', 'Accept-Encoding: gzip', ...urls(APACHE_PORT, ['/long.txt', '/hello.txt'])])),
      ...(await curl([...host, '-0', '-H', 'Accept-Encoding: gzip', ...urls(APACHE_PORT, ['/long.txt'])])),
    ],
  },
  {
    name: 'apache-not-modified',
    shows: 'Apache httpd answers 304: no body, whatever the length of the file',
    server: apache,
    client: node,
    play: async () => [
      await nodeCall('/hello.txt', { port: APACHE_PORT }),
      await nodeCall('/hello.txt', {
        port: APACHE_PORT,
        headers: { 'if-modified-since': HELLO_CHANGED.toUTCString() },
      }),
    ],
  },
  {
    name: 'apache-proxy',
    shows: 'Apache httpd as a reverse proxy: a chunked answer, a body sent after 100 Continue, a chunked upload',
    server: apache,
    client: node,
    play: async () => [
      await nodeCall('/up/chunked/3500', { port: APACHE_PORT }),
      await nodeCall('/up/received', {
        port: APACHE_PORT,
        method: 'POST',
        body: 'w'.repeat(4000),
        expectContinue: true,
        headers: { expect: '100-continue' },
      }),
      await nodeCall('/up/received', { port: APACHE_PORT, method: 'PUT', pieces: ['one ', 'two ', 'three'] }),
    ],
  },
  {
    name: 'apache-pipelined',
    shows: 'five requests in one segment to Apache httpd, HEAD and 404 among them',
    server: apache,
    client: hand,
    play: () =>
      byHand(
        APACHE_PORT,
        [
          `${get('/hello.txt')}${get('/hello.txt?2').replace('GET', 'HEAD')}${get('/missing')}${get('/up/status/204')}${get('/hello.txt?3')}`,
        ],
        /(hello from httpd\n[\s\S]*){2}$/,
        [
          { method: 'GET', target: '/hello.txt', status: 200, requestBody: 0, responseBody: 17 },
          { method: 'HEAD', target: '/hello.txt?2', status: 200, requestBody: 0, responseBody: 0 },
          // The page of httpd 2.4 for 404.
          { method: 'GET', target: '/missing', status: 404, requestBody: 0, responseBody: 236 },
          { method: 'GET', target: '/up/status/204', status: 204, requestBody: 0, responseBody: 0 },
          { method: 'GET', target: '/hello.txt?3', status: 200, requestBody: 0, responseBody: 17 },
        ],
      ),
  },
  {
    name: 'haproxy',
    shows: 'HAProxy on one connection: passed on, answered by itself, denied, redirected, no backend',
    server: haproxy,
    client: curlName,
    play: async () => [
      ...(await curl([...host, ...urls(HAPROXY_PORT, ['/orders/1001', '/own', '/chunked/2500', '/moved'])])),
      ...(await curl([...host, ...urls(HAPROXY_PORT, ['/denied/1'])])),
      ...(await curl([...host, ...urls(HAPROXY_PORT, ['/nowhere/1'])])),
      ...(await curl([...host, '-I', ...urls(HAPROXY_PORT, ['/orders/', '/own'])])),
      ...(await curl([...host, '-d', 'quantity=2', ...urls(HAPROXY_PORT, ['/received'])])),
    ],
  },
  {
    name: 'haproxy-early-hints',
    shows: 'HAProxy sends 103 before the answer of its backend, on a connection that goes on',
    server: haproxy,
    client: hand,
    play: () =>
      byHand(
        HAPROXY_PORT,
        [get('/bytes/77'), { wait: /x{77}$/ }, get('/own')],
        /103 Early[\s\S]*x{77}[\s\S]*by haproxy$/,
        [
          { method: 'GET', target: '/bytes/77', status: 200, requestBody: 0, responseBody: 77 },
          { method: 'GET', target: '/own', status: 200, requestBody: 0, responseBody: 10 },
        ],
      ),
  },
  {
    name: 'haproxy-pipelined',
    shows: 'pipelined through HAProxy: answers of its own and of the backend keep their order',
    server: haproxy,
    client: hand,
    play: () =>
      byHand(
        HAPROXY_PORT,
        [`${get('/slow/60')}${get('/own')}${get('/chunked/1500')}`],
        /at last[\s\S]*by haproxy[\s\S]*\r\n0\r\n\r\n$/,
        [
          { method: 'GET', target: '/slow/60', status: 200, requestBody: 0, responseBody: 7 },
          { method: 'GET', target: '/own', status: 200, requestBody: 0, responseBody: 10 },
          { method: 'GET', target: '/chunked/1500', status: 200, requestBody: 0, responseBody: 1500 },
        ],
      ),
  },
  {
    name: 'haproxy-timeout',
    shows: 'half a request head, then silence: HAProxy answers 408 to nothing and closes',
    server: haproxy,
    client: hand,
    play: () =>
      byHand(
        HAPROXY_PORT,
        [get('/own'), { wait: /by haproxy$/ }, 'GET /never HTTP/1.1\r\nHost: api.'],
        /408 Request Time-out[\s\S]*html>\s*$/,
        [
          { method: 'GET', target: '/own', status: 200, requestBody: 0, responseBody: 10 },
          { method: null, target: null, status: 408, requestBody: 0, responseBody: null, state: 'response_only' },
        ],
      ),
  },
  wrk('wrk', 'wrk: three keep-alive connections', 1),
  wrk('wrk-pipelined', 'wrk: three connections, four pipelined requests at a time', 4),
]
