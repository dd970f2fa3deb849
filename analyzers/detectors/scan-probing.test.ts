import { describe, expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { address, missing, order, play, START, transaction, user } from '../../test/conformance/traffic.ts'
import { scanProbing } from './scan-probing.ts'

const OPENS = shippedPolicies().rules.find((rule) => rule.detectors.includes('scan.probing'))!.maxLog10P
const WORDS =
  'admin backup old test dev staging private config internal debug console metrics status hidden secret api2 portal login2 upload shell'.split(
    ' ',
  )

function run(transactions: Iterable<Transaction>): { signals: Signal[]; opening: Signal[]; requestsToOpen: number } {
  const detector = scanProbing.create(scanProbing.options.parse({}))
  const signals: Signal[] = []
  let misses = 0
  let requestsToOpen = -1
  play(transactions, detector, (signal, tx) => {
    if (!tx.knownEndpoint) misses++
    if (signal === null) return
    signals.push(signal)
    if (requestsToOpen < 0 && signal.log10P <= OPENS) requestsToOpen = misses
  })
  return { signals, opening: signals.filter((signal) => signal.log10P <= OPENS), requestsToOpen }
}

function hit(time: number, ip: string, template = 'GET /v1/products'): Transaction {
  return transaction({ time, principal: address(ip), path: '/v1/products', endpoint: template, knownEndpoint: true })
}

/** Callers who have been here, so that they count as established. */
function* established(count: number, at = START): Generator<Transaction> {
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < 6; k++) yield hit(at + (i * 6 + k) * 1000, `198.51.${100 + (i % 5)}.${i % 250}`, `GET /v1/${k}`)
  }
}

const scanner = address('203.0.113.9')

describe('scan.probing', () => {
  test('a word list is found within 8 requests, before anything was learnt', () => {
    const { requestsToOpen, opening } = run(WORDS.map((word, i) => missing(START + i * 100_000, scanner, `/${word}`)))
    expect(requestsToOpen).toBeGreaterThanOrEqual(4)
    expect(requestsToOpen).toBeLessThanOrEqual(8)
    expect(opening[0]).toMatchObject({ severity: 'low', subject: { kind: 'ip', value: '203.0.113.9' } })
    expect(opening[0]!.why).toMatch(
      /^\d+ different missing paths asked for in .*refused or not found; callers here usually miss \d+(\.\d+)? % of their requests$/,
    )
  })

  test('twin: as many misses of one dead link are a dead link', () => {
    expect(run(WORDS.map((_, i) => missing(START + i * 100_000, scanner, '/old/logo.png'))).signals).toEqual([])
  })

  test('twin: as many deleted objects under one unknown path are one miss', () => {
    expect(run(WORDS.map((_, i) => missing(START + i * 100_000, scanner, `/legacy/${1000 + i}`))).signals).toEqual([])
  })

  test('two known targets weigh as much as a word list', () => {
    const paths = ['/.env', '/.git/config', '/wp-login.php']
    const { requestsToOpen } = run(paths.map((path, i) => missing(START + i * SECOND_US, scanner, path)))
    expect(requestsToOpen).toBeLessThanOrEqual(3)
  })

  test('a secret file that is answered opens at once, and high', () => {
    const { opening } = run([...established(20), missing(START + MINUTE_US, scanner, '/.env', 200)])
    expect(opening[0]).toMatchObject({ severity: 'high', outcome: { pSuccess: 0.9, objectsExposed: 1 } })
  })

  test('an application that answers every path with its page leaks nothing', () => {
    const spa = ['/about', '/team', '/jobs', '/.env'].map((path, i) =>
      missing(START + i * SECOND_US, scanner, path, 200),
    )
    expect(run(spa).opening).toEqual([])
    expect(run(spa).signals[0]).toMatchObject({ severity: 'low', outcome: { objectsExposed: 0 } })
  })

  test('a matched request repeated between the probes does not hide them', () => {
    const mixed: Transaction[] = []
    WORDS.forEach((word, i) => {
      mixed.push(missing(START + i * SECOND_US, scanner, `/${word}`))
      mixed.push(hit(START + i * SECOND_US + 1000, '203.0.113.9'), hit(START + i * SECOND_US + 2000, '203.0.113.9'))
    })
    expect(run(mixed).requestsToOpen).toBeGreaterThan(0)
    expect(run(mixed).requestsToOpen).toBeLessThanOrEqual(12)
  })

  test('good pages between known targets do not outweigh them', () => {
    const mixed: Transaction[] = []
    for (const [k, path] of ['/.env', '/.git/config'].entries()) {
      for (let i = 0; i < 50; i++) mixed.push(hit(START + (k * 60 + i) * SECOND_US, '203.0.113.9', `GET /v1/page${i}`))
      mixed.push(missing(START + (k * 60 + 50) * SECOND_US, scanner, path))
    }
    expect(run(mixed).opening[0]!.why).toContain('2 of them known targets such as /.env')
  })

  test('a few good pages in rotation do not hide the probes', () => {
    const mixed: Transaction[] = []
    WORDS.forEach((word, i) => {
      for (let k = 0; k < 7; k++) mixed.push(hit(START + i * 2 * SECOND_US + k * 1000, '203.0.113.9', `GET /v1/${k}`))
      mixed.push(missing(START + i * 2 * SECOND_US + 10_000, scanner, `/${word}`))
    })
    expect(run(mixed).requestsToOpen).toBeGreaterThan(0)
  })

  test('one probe every ten minutes is found', () => {
    expect(
      run(WORDS.map((word, i) => missing(START + i * 10 * MINUTE_US, scanner, `/${word}`))).requestsToOpen,
    ).toBeLessThanOrEqual(10)
  })

  test('twin: a broken release makes forty callers miss the same twelve paths', () => {
    const traffic = [...established(400)]
    for (let path = 0; path < 12; path++) {
      for (let i = 0; i < 40; i++) {
        const at = START + MINUTE_US + (path * 40 + i) * 100_000
        traffic.push(missing(at, address(`198.51.${100 + (i % 5)}.${i}`), `/v2/removed-${'abcdefghijkl'[path]}`))
      }
    }
    expect(run(traffic).opening).toEqual([])
  })

  test('known targets are never everybody’s', () => {
    const traffic = [...established(40)]
    for (let i = 0; i < 40; i++) {
      for (const [k, path] of ['/.env', '/.git/config', '/actuator/heapdump'].entries()) {
        traffic.push(missing(START + MINUTE_US + (i * 3 + k) * 100_000, address(`198.51.${100 + (i % 5)}.${i}`), path))
      }
    }
    expect(new Set(run(traffic).opening.map((signal) => signal.principal.id)).size).toBe(40)
  })

  test('twin: a link checker meets as many dead links between hundreds of good ones', () => {
    const crawl: Transaction[] = []
    for (let i = 0; i < 400; i++) {
      const at = START + i * 200_000
      if (i % 20 === 7) crawl.push(missing(at, scanner, `/docs/${WORDS[(i / 20) | 0]}`))
      else crawl.push(hit(at, '203.0.113.9', `GET /docs/${i}`))
    }
    expect(run(crawl).opening).toEqual([])
  })

  test('what browsers ask of every host is no evidence', () => {
    const paths = [
      '/favicon.ico',
      '/robots.txt',
      '/apple-touch-icon.png',
      '/apple-touch-icon-120x120.png',
      '/.well-known/security.txt',
      '/sitemap.xml',
      '/manifest.json',
      '/browserconfig.xml',
      '/ads.txt',
    ]
    expect(run(paths.map((path, i) => missing(START + i * 1000, scanner, path))).signals).toEqual([])
  })

  test('a missing object under a known endpoint is no probe', () => {
    expect(run(Array.from({ length: 50 }, (_, i) => order(START + i * SECOND_US, 'ada', i, 404))).signals).toEqual([])
  })

  test('a service that does not know its endpoints yet takes no offence at 401 and 403', () => {
    const cold = WORDS.map((word, i) => missing(START + i * SECOND_US, user('ada').principal, `/v1/${word}`, 403))
    expect(run(cold).signals).toEqual([])
  })

  test('an unavailable service is no scan', () => {
    expect(run(WORDS.map((word, i) => missing(START + i * SECOND_US, scanner, `/${word}`, 503))).signals).toEqual([])
  })

  describe('callers known by address only', () => {
    const PATHS = ['/v1/banner', '/v1/badges', '/v1/undefined', '/v1/null/items', '/v1/gone']
    const from = (i: number) => address(`198.${i % 9}.7.${i}`)
    const withToken = (tx: Transaction): Transaction => ({
      ...tx,
      requestHeaders: [['Authorization', 'Bearer hmac:00']],
    })

    test('a release that asks for five paths that are gone is no scan, though no token of it was ever accepted', () => {
      const release = Array.from({ length: 400 }, (_, i) =>
        withToken(missing(START + i * SECOND_US, from(Math.floor(i / 5)), PATHS[i % 5]!)),
      )
      expect(run(release).signals).toEqual([])
    })

    test('without a token it is one after ten callers from five networks', () => {
      const release = Array.from({ length: 400 }, (_, i) =>
        missing(START + i * SECOND_US, from(Math.floor(i / 5)), PATHS[i % 5]!),
      )
      const callers = new Set(run(release).signals.map(({ principal }) => principal.id))
      expect(callers.size).toBeLessThanOrEqual(10)
    })

    test('a word list with a made-up token is found after the handful', () => {
      const list = WORDS.map((_, i) => withToken(missing(START + i * SECOND_US, from(1), `/${WORDS[i]!}/y`)))
      expect(run(list).signals.length).toBe(WORDS.length - 8)
    })

    test('one list from many sources does not excuse itself', () => {
      const list = Array.from({ length: 40 * 25 }, (_, i) =>
        missing(START + i * SECOND_US, from(i % 40), `/${'abcdefghijklmnopqrstuvwxy'[Math.floor(i / 40)]}q`),
      )
      const callers = new Set(run(list).signals.map(({ principal }) => principal.id))
      expect(callers.size).toBe(40)
    })
  })
})
