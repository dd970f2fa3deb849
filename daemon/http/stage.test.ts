import { describe, expect, test } from 'vitest'
import { HttpDriver } from '../../test/fuzz/http-flow.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: api.test\r\n\r\n`
}

test('requests and responses on one connection become exact pairs', () => {
  const flow = new HttpDriver()
  for (const path of ['/a', '/b']) {
    flow.send(0, get(path))
    flow.send(1, OK)
  }
  expect(flow.lines()).toEqual(['GET /a 200 complete exact', 'GET /b 200 complete exact'])
  expect(flow.exchanges[0]!.request!.headers).toEqual([['Host', 'api.test']])
  expect(flow.exchanges[0]!.response!.body).toBe('ok')
  flow.close()
  expect(flow.unexplained()).toEqual({ bytes: 0, messages: 0, pairs: 0 })
})

test('the side that sends the request line is the client, whoever opened the connection', () => {
  const flow = new HttpDriver({ fromStart: false })
  flow.send(1, get('/a'))
  flow.send(0, OK)
  flow.close()
  expect(flow.lines()).toEqual(['GET /a 200 complete inferred'])
  expect(flow.exchanges[0]!.clientSide).toBe(1)
})

test('the answer to a HEAD has no body, whatever length it announces', () => {
  const flow = new HttpDriver()
  flow.send(0, 'HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n')
  flow.send(1, 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n')
  flow.send(0, get('/b'))
  flow.send(1, OK)
  expect(flow.lines()).toEqual(['HEAD /a 200 complete exact', 'GET /b 200 complete exact'])
})

test.each([204, 304])('a %d ends with its head', (status) => {
  const flow = new HttpDriver()
  flow.send(0, get('/a'))
  flow.send(1, `HTTP/1.1 ${status} X\r\nContent-Length: 9\r\n\r\n`)
  flow.send(0, get('/b'))
  flow.send(1, OK)
  expect(flow.lines()).toEqual([`GET /a ${status} complete exact`, 'GET /b 200 complete exact'])
})

test('interim responses are counted and do not answer the request', () => {
  const flow = new HttpDriver()
  flow.send(0, 'POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
  flow.send(1, 'HTTP/1.1 100 Continue\r\n\r\n')
  flow.send(0, 'abc')
  flow.send(1, `HTTP/1.1 103 Early Hints\r\n\r\n${OK}`)
  flow.close()
  expect(flow.lines()).toEqual(['POST /a 200 complete exact'])
  expect(flow.exchanges[0]!.weirds).toEqual(['http.interim_response'])
  expect(flow.funnel.messages.dropped('interim')).toBe(2)
})

test('a body without a length lasts until the connection is closed', () => {
  const flow = new HttpDriver()
  flow.send(0, get('/a'))
  flow.send(1, 'HTTP/1.0 200 OK\r\n\r\nall ')
  flow.send(1, 'of it')
  expect(flow.lines()).toEqual([])
  flow.end(1)
  expect(flow.lines()).toEqual(['GET /a 200 complete exact'])
  expect(flow.exchanges[0]!.response!.body).toBe('all of it')
})

test('a reset in the middle of a body leaves a truncated exchange', () => {
  const flow = new HttpDriver()
  flow.send(0, get('/a'))
  flow.send(1, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
  flow.close('rst')
  expect(flow.lines()).toEqual(['GET /a 200 truncated exact'])
  expect(flow.exchanges[0]!.response).toMatchObject({ bodyBytes: 4, whole: false })
})

test('chunks are taken out of their framing, extensions and trailers passed over', () => {
  const flow = new HttpDriver()
  flow.send(0, get('/a'))
  flow.send(
    1,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x="\\"y"\r\nhello\r\n1 \r\n!\r\n0\r\nA: b\r\n\r\n',
  )
  flow.send(0, get('/b'))
  flow.send(1, OK)
  expect(flow.lines()).toEqual(['GET /a 200 complete exact', 'GET /b 200 complete exact'])
  expect(flow.exchanges[0]!.response!.body).toBe('hello!')
  expect(flow.exchanges[0]!.weirds).toEqual(['http.chunk_extension', 'http.trailers'])
})

test.each([
  [
    'Content-Length: 2\r\nTransfer-Encoding: chunked',
    '2\r\nab\r\n0\r\n\r\n',
    'http.content_length_and_transfer_encoding',
  ],
  ['Content-Length: 2\r\nContent-Length: 2', 'ab', 'http.duplicate_content_length'],
  ['Content-Length: 2, 2', 'ab', 'http.duplicate_content_length'],
  ['Content-Length: 2\r\nContent-Length: 3', 'ab', 'http.conflicting_content_length'],
  ['Content-Length : 2', 'ab', 'http.space_before_colon'],
  ['Content-Length:\r\n 2', 'ab', 'http.obs_fold'],
  ['Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '2\r\nab\r\n0\r\n\r\n', 'http.bad_transfer_encoding'],
  ['Content-Length: 2\r\nTransfer-Encoding: xchunked', 'ab', 'http.bad_transfer_encoding'],
  ['Content-Length: +2', '', 'http.bad_content_length'],
  ['Content-Length: 2\r\nno colon here', 'ab', 'http.bad_header'],
  ['Content-Length: 2\r\n: x', 'ab', 'http.empty_header_name'],
  ['Content-Length: 2\nX: y', 'ab', 'http.bare_lf'],
  ['Content-Length: 2\r\nX: y\rz', 'ab', 'http.bare_cr'],
  ['Content-Length: 2\r\nX: \0', 'ab', 'http.nul_byte'],
  ['Content-Length: 2\r\nHost: b', 'ab', 'http.duplicate_host'],
])('%j is read one way and named', (fields, body, weird) => {
  const flow = new HttpDriver()
  flow.send(0, `POST /a HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n${body}`)
  flow.send(1, OK)
  flow.send(0, get('/b'))
  flow.send(1, OK)
  expect(flow.lines()).toEqual(['POST /a 200 complete exact', 'GET /b 200 complete exact'])
  expect(flow.exchanges[0]!.weirds).toContain(weird)
  expect(flow.exchanges[0]!.request!.bodyBytes).toBe(body === '' ? 0 : 2)
  expect(flow.exchanges[1]!.weirds).toEqual([])
})

test('folded lines are joined and names keep their case and order', () => {
  const flow = new HttpDriver()
  flow.send(0, 'GET /a HTTP/1.1\r\nHost: a\r\nX-Long: one\r\n\ttwo\r\n  three\r\nx-LONG: again\r\n\r\n')
  flow.send(1, OK)
  expect(flow.exchanges[0]!.request!.headers).toEqual([
    ['Host', 'a'],
    ['X-Long', 'one two three'],
    ['x-LONG', 'again'],
  ])
})

test('targets of every form are kept as sent', () => {
  const flow = new HttpDriver()
  for (const line of ['OPTIONS *', 'GET http://api.test/x?y=1', 'GET /a b']) {
    flow.send(0, `${line} HTTP/1.1\r\nHost: a\r\n\r\n`)
    flow.send(1, OK)
  }
  expect(flow.exchanges.map((one) => one.request!.target)).toEqual(['*', 'http://api.test/x?y=1', '/a b'])
  expect(flow.exchanges[2]!.weirds).toEqual(['http.bad_target'])
})

test('after 101 and after a CONNECT that was granted, bytes are no longer HTTP', () => {
  for (const [request, status] of [
    ['GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n', 101],
    ['CONNECT a.test:443 HTTP/1.1\r\nHost: a\r\n\r\n', 200],
  ] as const) {
    const flow = new HttpDriver()
    flow.send(0, request)
    flow.send(1, `HTTP/1.1 ${status} X\r\n\r\nGET`)
    flow.send(0, 'GET / HTTP/1.1\r\n\r\n')
    flow.close()
    expect(flow.exchanges.map(({ state }) => state)).toEqual(['upgraded'])
    expect(flow.funnel.bytes.dropped('after_upgrade')).toBe(21)
    expect(flow.unexplained()).toEqual({ bytes: 0, messages: 0, pairs: 0 })
  }
})

test('a refused CONNECT leaves the connection to HTTP', () => {
  const flow = new HttpDriver()
  flow.send(0, 'CONNECT a.test:443 HTTP/1.1\r\nHost: a\r\n\r\n')
  flow.send(1, 'HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n')
  flow.send(0, get('/b'))
  flow.send(1, OK)
  expect(flow.lines()).toEqual(['CONNECT a.test:443 407 complete exact', 'GET /b 200 complete exact'])
})

test('pipelined requests are answered in order', () => {
  const flow = new HttpDriver()
  flow.send(0, get('/a') + get('/b') + get('/c'))
  flow.send(1, `${OK}HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n${OK}`)
  expect(flow.lines()).toEqual(['GET /a 200 complete exact', 'GET /b 404 complete exact', 'GET /c 200 complete exact'])
})

test('an answer before the whole request is inferred and named', () => {
  const flow = new HttpDriver()
  flow.send(0, 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nfirst')
  flow.send(1, 'HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n')
  flow.send(0, 'x'.repeat(95))
  expect(flow.lines()).toEqual(['POST /a 413 complete inferred'])
  expect(flow.exchanges[0]!.weirds).toEqual(['http.early_response'])
})

test('a response sent before the request arrived does not answer it', () => {
  const flow = new HttpDriver()
  flow.send(0, get('/a'))
  const before = flow.position[0]
  flow.send(1, OK)
  flow.send(0, get('/b'))
  flow.send(1, 'HTTP/1.1 408 X\r\nContent-Length: 0\r\n\r\n', before)
  flow.close()
  expect(flow.lines()).toEqual([
    'GET /a 200 complete exact',
    '- 408 response_only exact',
    'GET /b - request_only exact',
  ])
  expect(flow.exchanges[1]!.weirds).toEqual(['http.unexpected_response'])
})

test('a response seen before its request waits for it', () => {
  const flow = new HttpDriver()
  const request = get('/a')
  flow.send(1, OK, request.length)
  expect(flow.lines()).toEqual([])
  flow.send(0, request, 0)
  expect(flow.lines()).toEqual(['GET /a 200 complete exact'])
})

test('a hole in a body of known length is counted and the next messages are whole', () => {
  const flow = new HttpDriver()
  flow.send(0, get('/a'))
  flow.send(1, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin')
  flow.lose(1, 50)
  flow.send(1, `${'x'.repeat(45)}`)
  flow.send(0, get('/b'))
  flow.send(1, OK)
  expect(flow.lines()).toEqual(['GET /a 200 gap exact', 'GET /b 200 complete exact'])
  expect(flow.exchanges[0]!.response).toMatchObject({ bodyBytes: 100, body: 'begin', bodyCut: true, gap: true })
})

test('a hole in a head drops that message, and later lockstep pairs are inferred', () => {
  const flow = new HttpDriver()
  flow.send(0, 'GET /a HTTP/1.1\r\nHo')
  flow.lose(0, 10)
  flow.send(0, 'X: y\r\n\r\n')
  flow.send(1, OK)
  for (const path of ['/b', '/c']) {
    flow.send(0, get(path))
    flow.send(1, OK)
  }
  flow.close()
  expect(flow.lines()).toEqual([
    '- 200 response_only exact',
    'GET /b 200 complete inferred',
    'GET /c 200 complete inferred',
  ])
  expect(flow.funnel.messages.dropped('gap')).toBe(1)
  expect(flow.funnel.bytes.dropped('one_sided')).toBe(19)
  expect(flow.unexplained()).toEqual({ bytes: 0, messages: 0, pairs: 0 })
})

test('a hole that the last answer acknowledges hides no request: the next pair is judged by that answer, though it was handed over', () => {
  const lost = (beforeAnswer: boolean) => {
    const flow = new HttpDriver()
    flow.send(0, get('/a'))
    if (beforeAnswer) flow.lose(0, 5)
    flow.send(1, OK)
    if (!beforeAnswer) flow.lose(0, 5)
    flow.send(0, get('/b'))
    flow.send(1, OK)
    return flow.close().lines()
  }
  expect(lost(true)).toEqual(['GET /a 200 complete exact', 'GET /b 200 complete inferred'])
  expect(lost(false)).toEqual([
    'GET /a 200 complete exact',
    'GET /b - request_only ambiguous',
    '- 200 response_only ambiguous',
  ])
})

test('a connection picked up midway keeps its last pairs at the end of the input once enough of them agreed', () => {
  const flow = new HttpDriver({ fromStart: false })
  for (let i = 0; i < 20; i++) {
    flow.send(0, get(`/${i}`))
    flow.send(1, OK)
  }
  flow.close('end_of_input')
  expect(flow.lines()).toEqual(Array.from({ length: 20 }, (_, i) => `GET /${i} 200 complete inferred`))
})

test('and doubts them again after a hole', () => {
  const flow = new HttpDriver({ fromStart: false })
  for (let i = 0; i < 20; i++) {
    flow.send(0, get(`/${i}`))
    flow.send(1, OK)
  }
  flow.lose(1, 400)
  flow.send(0, get('/after'))
  flow.send(1, OK)
  flow.close('end_of_input')
  expect(flow.lines().filter((line) => line.startsWith('GET /after'))).toEqual(['GET /after - request_only ambiguous'])
})

test('a request without an answer goes out alone after the response wait, and its late answer too', () => {
  const flow = new HttpDriver()
  flow.send(0, get('/a'))
  flow.advance(119_000_000)
  expect(flow.lines()).toEqual([])
  flow.advance(1_000_000)
  expect(flow.lines()).toEqual(['GET /a - request_only exact'])
  flow.send(0, get('/b'))
  flow.send(1, OK)
  flow.send(1, OK)
  expect(flow.lines().slice(1)).toEqual(['- 200 response_only exact', 'GET /b 200 complete exact'])
  expect(flow.funnel.pairs.dropped('request_only_timeout')).toBe(1)
})

test('requests past the pending limit push the waiting ones out, and order is not trusted any more', () => {
  const flow = new HttpDriver({ limits: { maxPending: 2 } })
  flow.send(0, get('/a') + get('/b') + get('/c'))
  flow.send(1, OK + OK + OK)
  flow.close()
  expect(flow.funnel.pairs.dropped('request_only_limit')).toBe(2)
  expect(flow.funnel.pairs.delivered).toBe(0)
  expect(flow.exchanges.find((one) => one.request?.target === '/c')!.weirds).toContain('http.pipeline_limit')
})

test('a head over the limit is dropped, and the next message is found', () => {
  const flow = new HttpDriver({ limits: { maxHeadBytes: 200 } })
  flow.send(0, `GET /a HTTP/1.1\r\nX: ${'y'.repeat(300)}\r\n\r\n`)
  flow.send(1, OK)
  flow.send(0, get('/b'))
  flow.send(1, OK)
  flow.close()
  expect(flow.funnel.messages.dropped('limit')).toBe(1)
  expect(flow.lines()).toContain('GET /b 200 complete inferred')
  expect(flow.weirds.entries()).toContainEqual(['http.head_too_large', 1])
})

test('too many headers cannot hide the one that frames the body', () => {
  const flow = new HttpDriver({ limits: { maxHeaders: 3 } })
  flow.send(0, `POST /a HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(9)}Content-Length: 2\r\n\r\nab`)
  flow.send(1, OK)
  expect(flow.lines()).toEqual(['POST /a 200 complete exact'])
  expect(flow.exchanges[0]!.weirds).toEqual(['http.too_many_headers'])
  expect(flow.exchanges[0]!.request).toMatchObject({ bodyBytes: 2 })
})

test('a connection that speaks something else is counted and costs nothing more', () => {
  const flow = new HttpDriver()
  flow.send(0, Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
  flow.send(1, 'HTTP/1.1 200 OK\r\n\r\n')
  flow.send(0, get('/a'))
  flow.close()
  expect(flow.exchanges).toEqual([])
  expect(flow.funnel.bytes.dropped('not_http')).toBe(flow.handed)
})

test('an answer to a HEAD is told by what follows when its request was not seen', () => {
  const flow = new HttpDriver()
  flow.lose(0, 50)
  flow.send(1, 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n')
  flow.send(1, OK)
  flow.close()
  expect(flow.lines()).toEqual(['- 200 response_only exact', '- 200 response_only exact'])
})

test('times are those of the segments with the first and the last byte, and a wild one is marked', () => {
  const flow = new HttpDriver()
  const start = flow.now
  flow.send(0, 'GET /a HT')
  flow.advance(10)
  flow.send(0, 'TP/1.1\r\nHost: a\r\n\r\n')
  flow.advance(10)
  flow.send(1, OK)
  expect(flow.exchanges[0]!.request).toMatchObject({ firstByte: start, lastByte: start + 10, bogusTime: false })
  expect(flow.exchanges[0]!.endTime).toBe(start + 20)
})

test('without bodies nothing is kept but the sizes', () => {
  const flow = new HttpDriver({ bodies: false })
  flow.send(0, get('/a'))
  flow.send(1, OK)
  expect(flow.exchanges[0]!.response).toMatchObject({ body: null, bodyBytes: 2 })
})

test('a body is kept up to its limit', () => {
  const flow = new HttpDriver({ limits: { maxBodyBytes: 1000 } })
  flow.send(0, get('/a'))
  flow.send(1, `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${'a'.repeat(2000)}\r\n0\r\n\r\n`)
  const response = flow.exchanges[0]!.response!
  expect(response).toMatchObject({ bodyBytes: 2000, bodyCut: true })
  expect(response.body).toBe('a'.repeat(1000))
})

describe('a connection joined in the middle of a body that holds text like a message', () => {
  const joined = (direction: 0 | 1, body: string) => {
    const flow = new HttpDriver({ fromStart: false })
    flow.send(direction, body)
    for (const target of ['/a', '/b', '/c']) {
      flow.send(0, get(target))
      flow.send(1, OK)
    }
    flow.close()
    expect(flow.unexplained()).toEqual({ bytes: 0, messages: 0, pairs: 0 })
    return flow.lines().slice(1)
  }
  const rest = ['GET /b 200 complete inferred', 'GET /c 200 complete inferred']

  test.each([
    ['a request, then the rest of the body', 'bbb\r\nGET /text HTTP/1.1\r\nHost: a\r\n\r\nbbb\r\nbbb'],
    ['a request that announces a body', 'bbb\r\nPOST /text HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\nbbb'],
    ['a request at the very end', 'bbb\r\nGET /text HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('%s: the server is not taken for the client', (_, body) => {
    expect(joined(1, body)).toEqual(expect.arrayContaining(rest))
  })

  test('a response in an upload: the client is not taken for the server', () => {
    const text = 'bbb\r\nHTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nbbb'
    expect(joined(0, text)).toEqual(expect.arrayContaining(['GET /c 200 complete inferred']))
  })
})

describe('what a flow keeps', () => {
  const request = (i: number) => `POST /a/${i} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello`
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

  test('is nothing once every request has its answer', () => {
    const driver = new HttpDriver()
    for (let i = 0; i < 50; i++) {
      driver.send(0, request(i))
      expect(driver.kept.bytes).toBeGreaterThan(500)
      driver.send(1, answer)
      expect(driver.kept.bytes).toBe(0)
    }
  })

  test('is what it waits for: half a head, a body on its way, the place of a request that went out without an answer', () => {
    const driver = new HttpDriver()
    driver.send(0, `GET /a HTTP/1.1\r\nX-A: ${'a'.repeat(4000)}`)
    expect(driver.kept.bytes).toBeGreaterThan(4000)
    driver.send(0, '\r\n\r\n')
    driver.send(0, `POST /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9000\r\n\r\n${'b'.repeat(8000)}`)
    expect(driver.kept.bytes).toBeGreaterThan(13_000)
    driver.send(0, 'b'.repeat(1000))
    driver.advance(200_000_000)
    expect(driver.lines()).toEqual(['GET /a - request_only exact', 'POST /b - request_only exact'])
    // Two places in the order of requests, without heads and bodies.
    expect(driver.kept.bytes).toBe(2 * 768)
    driver.send(1, answer + answer)
    expect(driver.kept.bytes).toBe(0)
    driver.close()
    expect(driver.kept.bytes).toBe(0)
  })
})
