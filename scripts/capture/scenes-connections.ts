import { execFile } from 'node:child_process'
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { byHand, nodeCall, open, scripted } from './clients.ts'
import { CLIENT, OTHER_CLIENTS, SERVER } from './network.ts'
import { NGINX_PORT } from './nginx.ts'
import type { LedgerEntry } from './note.ts'
import { NODE_PORT } from './origin.ts'
import { abName, hand, nginx, node } from './players.ts'
import type { Scene } from './scenes.ts'

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: api.shop.test\r\n\r\n`

/** Pipelining, ends of connections, many of them at once. */
export const CONNECTIONS: readonly Scene[] = [
  {
    name: 'pipelined-nginx',
    shows: 'four requests in one segment to nginx',
    server: nginx,
    client: hand,
    play: () =>
      byHand(
        NGINX_PORT,
        [`${get('/hello')}${get('/empty')}${get('/v1/orders/1')}HEAD /hello HTTP/1.1\r\nHost: api.shop.test\r\n\r\n`],
        /200 OK[\s\S]*204 No[\s\S]*200 OK[\s\S]*200 OK[\s\S]*\r\n\r\n$/,
        [
          { method: 'GET', target: '/hello', status: 200, requestBody: 0, responseBody: 17 },
          { method: 'GET', target: '/empty', status: 204, requestBody: 0, responseBody: 0 },
          { method: 'GET', target: '/v1/orders/1', status: 200, requestBody: 0, responseBody: 26 },
          { method: 'HEAD', target: '/hello', status: 200, requestBody: 0, responseBody: 0 },
        ],
      ),
  },
  {
    name: 'pipelined-node',
    shows: 'pipelined requests to Node, one with a body, the last split across segments',
    server: node,
    client: hand,
    play: () =>
      byHand(
        NODE_PORT,
        [
          `${get('/slow/60')}POST /received HTTP/1.1\r\nHost: api.shop.test\r\nContent-Length: 11\r\n\r\nhello`,
          ` there${get('/bytes/100').slice(0, 20)}`,
          get('/bytes/100').slice(20),
        ],
        /at last[\s\S]*"received":11[\s\S]*x{100}/,
        [
          { method: 'GET', target: '/slow/60', status: 200, requestBody: 0, responseBody: 7 },
          { method: 'POST', target: '/received', status: 201, requestBody: 11, responseBody: 15 },
          { method: 'GET', target: '/bytes/100', status: 200, requestBody: 0, responseBody: 100 },
        ],
      ),
  },
  {
    name: 'pipelined-20',
    shows: 'twenty pipelined requests, answers in order',
    server: nginx,
    client: hand,
    play: () =>
      byHand(
        NGINX_PORT,
        [Array.from({ length: 20 }, (_, i) => get(`/v1/orders/${i}`)).join('')],
        /(HTTP\/1\.1 200[\s\S]*){20}open"}$/,
        Array.from({ length: 20 }, (_, i) => ({
          method: 'GET',
          target: `/v1/orders/${i}`,
          status: 200,
          requestBody: 0,
          responseBody: 26,
        })),
      ),
  },
  {
    name: 'half-close',
    shows: 'the client closes its side right after the request; the answer comes all the same',
    server: hand,
    client: hand,
    play: ({ script }) =>
      scripted(
        script,
        [
          {
            from: 'client',
            text: 'GET /half HTTP/1.1\r\nHost: api.shop.test\r\nConnection: close\r\n\r\n',
            ending: 'fin',
          },
          {
            from: 'server',
            text: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone',
            delayMs: 50,
            ending: 'fin',
          },
        ],
        [{ method: 'GET', target: '/half', status: 200, requestBody: 0, responseBody: 4 }],
      ),
  },
  {
    name: 'reset-mid-response',
    shows: 'the server resets the connection in the middle of a body',
    server: node,
    client: node,
    play: async () => [await nodeCall('/half')],
  },
  {
    name: 'reset-before-response',
    shows: 'the client gives up and resets before any answer',
    server: hand,
    client: hand,
    play: ({ script }) =>
      scripted(
        script,
        [{ from: 'client', text: 'GET /never HTTP/1.1\r\nHost: api.shop.test\r\n\r\n', ending: 'reset' }],
        [{ method: 'GET', target: '/never', status: null, requestBody: 0, responseBody: 0, state: 'request_only' }],
      ),
  },
  {
    name: 'aborted-upload',
    shows: 'the client closes in the middle of its own body',
    server: hand,
    client: hand,
    play: ({ script }) =>
      scripted(
        script,
        [
          {
            from: 'client',
            text: `POST /up HTTP/1.1\r\nHost: api.shop.test\r\nContent-Length: 500\r\n\r\n${'a'.repeat(200)}`,
            ending: 'fin',
          },
        ],
        [{ method: 'POST', target: '/up', status: null, requestBody: 200, responseBody: 0, state: 'request_only' }],
      ),
  },
  {
    name: 'connections-only',
    shows: 'connections that carry no request at all: opened and closed, opened and reset',
    server: node,
    client: hand,
    play: async () => {
      const first = await open(NODE_PORT)
      first.end()
      await sleep(20)
      first.destroy()
      const second = await open(NODE_PORT)
      second.resetAndDestroy()
      return []
    },
  },
  {
    name: 'port-reuse',
    shows: 'the same four-tuple twice: reset, then opened again at once',
    server: hand,
    client: hand,
    play: async ({ script }) => {
      const ledger: LedgerEntry[] = []
      for (const target of ['/first', '/second', '/third']) {
        ledger.push(
          ...(await scripted(
            script,
            [
              { from: 'client', text: get(target) },
              { from: 'server', text: `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}` },
              { from: 'client', ending: 'reset' },
            ],
            [{ method: 'GET', target, status: 200, requestBody: 0, responseBody: target.length }],
            45_454,
          )),
        )
        await sleep(30)
      }
      return ledger
    },
  },
  {
    name: 'interleaved',
    shows: 'six connections from three addresses, their segments mixed',
    server: node,
    client: node,
    play: () =>
      Promise.all(
        [CLIENT, ...OTHER_CLIENTS, CLIENT, ...OTHER_CLIENTS].map((from, i) =>
          nodeCall(`/chunked/${4000 + i * 500}`, { from }),
        ),
      ),
  },
  {
    name: 'attacks',
    shows: 'guessing one password until it fits, and asking for fifty files that are not there',
    server: node,
    client: node,
    play: async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const ledger: LedgerEntry[] = []
      for (let i = 0; i < 60; i++) {
        const password = i === 59 ? 'made-up-right' : `made-up-guess-${i}`
        const body = JSON.stringify({ email: 'ada@shop.test', password })
        ledger.push(
          await nodeCall('/signin', { agent, method: 'POST', body, headers: { 'content-type': 'application/json' } }),
        )
      }
      for (let i = 0; i < 50; i++) {
        const target = `/${['.env', '.git', 'backup.zip', 'admin.php', 'dump.sql'][i % 5]}${i < 5 ? '' : `${i}.bak`}`
        ledger.push(await nodeCall(target, { agent, from: OTHER_CLIENTS[0] }))
      }
      agent.destroy()
      return ledger
    },
  },
  {
    name: 'parallel-ab',
    shows: "ab: 60 requests over 6 keep-alive connections; the ledger is the server's log",
    server: nginx,
    client: abName,
    play: async ({ accessLog }) => {
      const before = accessLog().length
      await promisify(execFile)('ab', [
        '-q',
        '-k',
        '-n',
        '60',
        '-c',
        '6',
        '-H',
        'Host: api.shop.test',
        `http://${SERVER}/v1/orders/1042`,
      ])
      await sleep(100)
      return logged(accessLog().slice(before))
    },
  },
  {
    name: 'parallel-ab-http10',
    shows: "ab: 40 connections of one request each; the ledger is the server's log",
    server: nginx,
    client: abName,
    play: async ({ accessLog }) => {
      const before = accessLog().length
      await promisify(execFile)('ab', ['-q', '-n', '40', '-c', '5', `http://${SERVER}/hello`])
      await sleep(100)
      return logged(accessLog().slice(before))
    },
  },
]

/** nginx's log as a ledger. */
export function logged(lines: string): LedgerEntry[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .sort((a, b) => Number(a[2]) - Number(b[2]) || Number(a[0]) - Number(b[0]))
    .map(([, address, port, method, target, status, bytes]) => ({
      method: method!,
      target: target!,
      status: Number(status),
      requestBody: 0,
      responseBody: Number(bytes),
      client: `${address} ${port}`,
      server: `${SERVER} ${NGINX_PORT}`,
    }))
}
