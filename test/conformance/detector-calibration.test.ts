import { expect, test } from 'vitest'
import { DetectorSet } from '../../analyzers/analysis.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import { IncidentBook } from '../../daemon/incidents/incident-book.ts'
import type { Incident } from '../../daemon/model/incident.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { HOUR_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Principal, Transaction } from '../../daemon/model/transaction.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { address, login, missing, order, play, randomFrom, START, transaction } from './traffic.ts'

const TEMPLATES = ['GET /v1/products', 'GET /v1/cart', 'POST /v1/cart', 'GET /v1/me', 'GET /v1/search', 'PUT /v1/me']
const DEAD = ['/v1/banner', '/v1/old/logo.png', '/v1/help', '/v1/promo/xmas', '/fonts/a.woff', '/v1/beta']

/**
 * A day of 900 people behind 90 addresses: they sign in with typos, look at their own scattered orders, meet dead links,
 * retry. Beside them an export job, a support agent, a script with a rotated password, a monitor.
 */
function benignDay(seed: number): Transaction[] {
  const random = randomFrom(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const traffic: Transaction[] = []
  const day = 24 * HOUR_US
  for (let person = 0; person < 900; person++) {
    const ip = `198.51.100.${person % 90}`
    const who: Principal = { kind: 'user', id: `hmac:p${person}`, display: `p${person}`, via: 'jwt.sub', app: null }
    const clumsy = random() < 0.1 ? 0.6 : 0.08
    const busy = 1 + Math.floor(-Math.log(1 - random()) * 3)
    for (let visit = 0; visit < busy; visit++) {
      let at = START + Math.floor(random() * 22 * 3600) * SECOND_US
      for (let tries = 0; tries < 6 && random() < clumsy; tries++) {
        traffic.push(login(at, ip, `p${person}`, false, random() < 0.3 && tries > 0 ? 'repeated' : 'new'))
        at += (3 + Math.floor(random() * 15)) * SECOND_US
      }
      traffic.push(login(at, ip, `p${person}`, true))
      const steps = 4 + Math.floor(random() * 60)
      for (let i = 0; i < steps; i++) {
        at += Math.floor(random() * 20 * SECOND_US)
        const kind = random()
        if (kind < 0.25) {
          const id = 10_000 + (((person * 40 + Math.floor(random() * random() * 40)) * 7919) % 36_000)
          traffic.push(order(at, `p${person}`, id, random() < 0.02 ? 404 : 200))
        } else if (kind < 0.28) traffic.push(missing(at, who, pick(DEAD)))
        else {
          const template = pick(TEMPLATES)
          traffic.push(
            transaction({ time: at, principal: who, endpoint: template, path: template.slice(4), knownEndpoint: true }),
          )
        }
      }
    }
  }
  for (let i = 0; i < 20_000; i++) {
    const at = START + Math.floor(random() * day)
    const template = pick(TEMPLATES)
    const from = address(`203.0.113.${Math.floor(random() * 60)}`)
    if (random() < 0.02) traffic.push(missing(at, from, pick(DEAD)))
    else
      traffic.push(
        transaction({ time: at, principal: from, endpoint: template, path: template.slice(4), knownEndpoint: true }),
      )
  }
  for (let hour = 0; hour < 24; hour++) {
    const exporter: Principal = {
      kind: 'api_key',
      id: 'hmac:export',
      display: 'export',
      via: 'header.x-api-key',
      app: null,
    }
    for (let i = 0; i < 300; i++) {
      traffic.push({
        ...order(START + hour * HOUR_US + i * 300_000, 'export', 10_000 + ((hour * 300 + i) % 36_000)),
        principal: exporter,
      })
    }
    for (let i = 0; i < 20; i++) {
      const at = START + hour * HOUR_US + Math.floor(random() * 3000) * SECOND_US
      traffic.push(order(at, 'agent', 10_000 + Math.floor(random() * 36_000)))
    }
    for (let i = 0; i < 60; i++) {
      const at = START + hour * HOUR_US + i * 60 * SECOND_US
      traffic.push(login(at, '203.0.113.200', 'ci', false, hour === 0 && i === 0 ? 'new' : 'repeated'))
    }
  }
  return traffic.sort((a, b) => a.endTime - b.endTime || (a.id < b.id ? -1 : 1))
}

function detect(traffic: readonly Transaction[]): { signals: Signal[]; incidents: Incident[] } {
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const set = new DetectorSet(
    DETECTORS.map((declaration) => ({ declaration, options: {} })),
    telemetry,
  )
  const book = new IncidentBook({ telemetry, rules: shippedPolicies().rules })
  const signals: Signal[] = []
  const incidents: Incident[] = []
  const target = {
    observe: (tx: Transaction, now: number) => {
      for (const signal of set.observe(tx, now)) {
        signals.push(signal)
        for (const change of book.push(signal)) if (change.kind === 'opened') incidents.push(change.incident)
      }
    },
    tick: (now: number) => {
      set.tick(now)
      book.tick(now)
    },
  }
  play(traffic, target)
  return { signals, incidents }
}

test('three ordinary days of over 100,000 transactions open no incident, and p-values are honest', () => {
  let transactions = 0
  const lowest = new Map<string, number>()
  let keys = 0
  for (const seed of [1, 2, 3]) {
    const traffic = benignDay(seed)
    transactions += traffic.length
    keys += 900 + 60
    const { signals, incidents } = detect(traffic)
    for (const signal of signals) {
      const key = `${seed} ${signal.detector} ${signal.subject.value}`
      lowest.set(key, Math.min(lowest.get(key) ?? 0, signal.log10P))
    }
    expect(incidents.map((incident) => `${incident.detector} ${incident.subject.value}: ${incident.why}`)).toEqual([])
  }
  expect(transactions).toBeGreaterThan(100_000)
  for (const detector of DETECTORS) {
    for (const log10P of [-3, -3.5, -4]) {
      const reached = [...lowest].filter(([key, p]) => key.includes(detector.id) && p <= log10P).length
      expect(reached / keys, `${detector.id} p <= 10^${log10P}`).toBeLessThanOrEqual(
        Math.max(2 * 10 ** log10P, 1.5 / keys),
      )
    }
  }
})

test('the same traffic gives the same signals and incidents', () => {
  const traffic = benignDay(4).slice(0, 20_000)
  const attack = Array.from({ length: 60 }, (_, i) =>
    order(traffic.at(-1)!.endTime + i * SECOND_US, 'mallory', 10_000 + i, 403),
  )
  expect(detect([...traffic, ...attack])).toEqual(detect([...traffic, ...attack]))
})
