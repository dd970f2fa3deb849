import { byHand, scripted } from './clients.ts'
import type { LedgerEntry } from './note.ts'
import { NODE_PORT } from './origin.ts'
import { hand, node } from './players.ts'
import type { Scene } from './scenes.ts'
import type { Step } from './transcript.ts'

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: api.shop.test\r\n\r\n`
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`

function byBoth(
  name: string,
  shows: string,
  steps: readonly Step[],
  ledger: readonly Omit<LedgerEntry, 'client' | 'server'>[],
  more: Partial<Scene> = {},
): Scene {
  return { name, shows, server: hand, client: hand, play: ({ script }) => scripted(script, steps, ledger), ...more }
}

/** Messages no ordinary program makes, most of them the material of request smuggling. */
export const ODDITIES: readonly Scene[] = [
  byBoth(
    'obs-fold',
    'a response header folded over three lines (RFC 9112 section 5.2)',
    [
      { from: 'client', text: get('/fold') },
      { from: 'server', text: 'HTTP/1.1 200 OK\r\nX-Folded: one\r\n two\r\n\tthree\r\nContent-Length: 3\r\n\r\nend' },
    ],
    [{ method: 'GET', target: '/fold', status: 200, requestBody: 0, responseBody: 3, weirds: ['http.obs_fold'] }],
  ),
  byBoth(
    'bare-lf',
    'lines ended by LF alone, in the request and in the response',
    [
      { from: 'client', text: 'GET /lf HTTP/1.1\nHost: api.shop.test\n\n' },
      { from: 'server', text: 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok' },
      { from: 'client', text: get('/after') },
      { from: 'server', text: ok('fine') },
    ],
    [
      { method: 'GET', target: '/lf', status: 200, requestBody: 0, responseBody: 2, weirds: ['http.bare_lf'] },
      { method: 'GET', target: '/after', status: 200, requestBody: 0, responseBody: 4 },
    ],
  ),
  byBoth(
    'duplicate-content-length',
    'two equal Content-Length fields',
    [
      {
        from: 'client',
        text: 'POST /twice HTTP/1.1\r\nHost: api.shop.test\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody',
      },
      { from: 'server', text: ok('ok') },
    ],
    [
      {
        method: 'POST',
        target: '/twice',
        status: 200,
        requestBody: 4,
        responseBody: 2,
        weirds: ['http.duplicate_content_length'],
      },
    ],
  ),
  byBoth(
    'smuggling-cl-te',
    'Content-Length with Transfer-Encoding; the server takes the chunked reading',
    [
      {
        from: 'client',
        text: 'POST /smuggle HTTP/1.1\r\nHost: api.shop.test\r\nContent-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      },
      { from: 'server', text: ok('seen') },
      { from: 'client', text: get('/after') },
      { from: 'server', text: ok('next') },
    ],
    [
      {
        method: 'POST',
        target: '/smuggle',
        status: 200,
        requestBody: 5,
        responseBody: 4,
        weirds: ['http.content_length_and_transfer_encoding'],
      },
      { method: 'GET', target: '/after', status: 200, requestBody: 0, responseBody: 4 },
    ],
  ),
  byBoth(
    'space-before-colon',
    'a field name followed by a space (RFC 9112 section 5.1)',
    [
      { from: 'client', text: 'GET /space HTTP/1.1\r\nHost: api.shop.test\r\nX-Odd : yes\r\n\r\n' },
      { from: 'server', text: ok('ok') },
    ],
    [
      {
        method: 'GET',
        target: '/space',
        status: 200,
        requestBody: 0,
        responseBody: 2,
        weirds: ['http.space_before_colon'],
      },
    ],
  ),
  byBoth(
    'no-host',
    'an HTTP/1.1 request without Host, and one with two',
    [
      { from: 'client', text: 'GET /none HTTP/1.1\r\nAccept: */*\r\n\r\n' },
      { from: 'server', text: ok('a') },
      { from: 'client', text: 'GET /two HTTP/1.1\r\nHost: a.shop.test\r\nHost: b.shop.test\r\n\r\n' },
      { from: 'server', text: ok('b') },
    ],
    [
      { method: 'GET', target: '/none', status: 200, requestBody: 0, responseBody: 1, weirds: ['http.missing_host'] },
      { method: 'GET', target: '/two', status: 200, requestBody: 0, responseBody: 1, weirds: ['http.duplicate_host'] },
    ],
  ),
  byBoth(
    'empty-lines-between',
    'empty lines before a request line, to be skipped (RFC 9112 section 2.2)',
    [
      { from: 'client', text: `\r\n${get('/one')}` },
      { from: 'server', text: ok('1') },
      { from: 'client', text: `\r\n\r\n${get('/two')}` },
      { from: 'server', text: ok('2') },
    ],
    [
      { method: 'GET', target: '/one', status: 200, requestBody: 0, responseBody: 1 },
      { method: 'GET', target: '/two', status: 200, requestBody: 0, responseBody: 1 },
    ],
  ),
  byBoth(
    'drip',
    'both messages one byte per segment',
    [
      { from: 'client', text: get('/drip'), drip: true },
      {
        from: 'server',
        text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n',
        drip: true,
      },
      { from: 'client', text: get('/second'), drip: true },
      { from: 'server', text: ok('dripped'), drip: true },
    ],
    [
      { method: 'GET', target: '/drip', status: 200, requestBody: 0, responseBody: 19 },
      { method: 'GET', target: '/second', status: 200, requestBody: 0, responseBody: 7 },
    ],
  ),
  byBoth(
    'many-interim',
    '102, 103 and 103 again before the final response of each of two requests',
    [
      { from: 'client', text: get('/one') },
      {
        from: 'server',
        text: `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n${ok('one')}`,
      },
      { from: 'client', text: get('/two') },
      { from: 'server', text: `HTTP/1.1 102 Processing\r\n\r\n${ok('two')}` },
    ],
    [
      { method: 'GET', target: '/one', status: 200, requestBody: 0, responseBody: 3 },
      { method: 'GET', target: '/two', status: 200, requestBody: 0, responseBody: 3 },
    ],
  ),
  byBoth(
    'no-reason-phrase',
    'a status line without reason phrase, and one with only its space',
    [
      { from: 'client', text: get('/bare') },
      { from: 'server', text: 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok' },
      { from: 'client', text: get('/space') },
      { from: 'server', text: 'HTTP/1.1 404 \r\nContent-Length: 2\r\n\r\nno' },
    ],
    [
      { method: 'GET', target: '/bare', status: 200, requestBody: 0, responseBody: 2 },
      { method: 'GET', target: '/space', status: 404, requestBody: 0, responseBody: 2 },
    ],
  ),
  byBoth(
    'not-http',
    'a connection that speaks something else on an HTTP port',
    [
      { from: 'server', text: '220 mail.shop.test ready\r\n' },
      { from: 'client', text: 'EHLO client.test\r\n' },
      { from: 'server', text: '250 hello\r\n' },
      { from: 'client', text: '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00', ending: 'fin' },
    ],
    [],
  ),
  {
    name: 'bad-request-node',
    shows: 'a header without a colon; Node answers 400 and closes',
    server: node,
    client: hand,
    play: () =>
      byHand(NODE_PORT, ['GET /bad HTTP/1.1\r\nHost: api.shop.test\r\nno colon here\r\n\r\n'], /400 Bad Request/, [
        { method: 'GET', target: '/bad', status: 400, requestBody: 0, responseBody: 0, weirds: ['http.bad_header'] },
      ]),
  },
]
