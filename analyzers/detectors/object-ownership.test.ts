import { describe, expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Claims, Transaction } from '../../daemon/model/transaction.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { play, randomFrom, START, transaction, user } from '../../test/conformance/traffic.ts'
import { objectOwnership } from './object-ownership.ts'

const OPENS = shippedPolicies().rules.find((rule) => rule.detectors.includes('object.ownership'))!.maxLog10P

function detector() {
  return objectOwnership.create(objectOwnership.options.parse({}))
}

/** Signals that open an incident, in order. */
function opening(traffic: readonly Transaction[], target = detector()): Signal[] {
  const found: Signal[] = []
  play(
    [...traffic].sort((a, b) => a.endTime - b.endTime),
    target,
    (signal, tx) => {
      if (signal === null || signal.log10P > OPENS) return
      found.push(signal)
      target.suspect!(tx.principal.id, true, tx.endTime)
    },
  )
  return found
}

function claimsOf(sub: string | null, tenant: string | null, role: readonly string[] = []): Claims {
  return { iss: null, sub, tenant, role, scope: [], alg: null, kid: null, iat: null, exp: null }
}

interface Given {
  readonly id?: string
  readonly owner?: string
  readonly body?: string
  readonly endpoint?: string
  readonly status?: number
  readonly claims?: Claims | null
}

/** GET /v1/invoices/{id}, answered with the invoice of `owner`. */
function invoice(time: number, name: string, given: Given): Transaction {
  const { id = '1', endpoint = 'GET /v1/invoices/{id}', status = 200, claims = null } = given
  return transaction({
    time,
    principal: user(name).principal,
    claims,
    path: endpoint.slice(4).replace('{id}', id),
    endpoint,
    knownEndpoint: true,
    objectIds: endpoint.includes('{') ? [id] : [],
    status,
    responseBody: given.body ?? `{"id":"${id}","owner_id":"${given.owner ?? ''}","total":12}`,
  })
}

const PEOPLE = 120
const LEARNT = START + 10 * HOUR_US

/** Ten hours of 120 people, who look at eight different invoices of their own each. */
function ordinaryDay(more: (person: number) => Given = () => ({})): Transaction[] {
  const random = randomFrom(7)
  const traffic: Transaction[] = []
  for (let person = 0; person < PEOPLE; person++) {
    for (let i = 0; i < 8; i++) {
      const at = START + Math.floor(random() * 36_000) * SECOND_US
      traffic.push(invoice(at, `p${person}`, { id: `${person}-${i}`, owner: `c${1000 + person}`, ...more(person) }))
    }
  }
  return traffic
}

describe('object.ownership', () => {
  test('the ordinary day is silent', () => {
    expect(opening(ordinaryDay())).toEqual([])
  })

  test('a single invoice of somebody else is told, with what it rests on', () => {
    const [signal, ...more] = opening([...ordinaryDay(), invoice(LEARNT, 'p5', { id: '9-3', owner: 'c1009' })])
    expect(more).toEqual([])
    expect(signal).toMatchObject({ severity: 'medium', subject: { kind: 'user', value: 'hmac:p5' } })
    expect(signal!.why).toMatch(
      /^GET \/v1\/invoices\/\{id\}: an object of somebody else given; owner_id in the answer .*, in all of \d{3} answers to \d+ callers( but \d+)?$/,
    )
    expect(signal!.outcome.objectsExposed).toBe(1)
  })

  test('so is one by an account that nobody saw before', () => {
    expect(opening([...ordinaryDay(), invoice(LEARNT, 'mallory', { id: '9-3', owner: 'c1009' })])).toHaveLength(1)
  })

  test('one that was refused is not', () => {
    const refused = invoice(LEARNT, 'p5', { id: '9-3', owner: 'c1009', status: 403 })
    expect(opening([...ordinaryDay(), refused])).toEqual([])
  })

  test('one of a customer whom nobody knows is told at once where the own value came twice, and not again when it comes back', () => {
    const strange = invoice(LEARNT, 'p5', { id: 'x1', owner: 'c7777' })
    const own = invoice(LEARNT + MINUTE_US, 'p5', { id: '5-77', owner: 'c1005' })
    const found = opening([...ordinaryDay(), strange, own])
    expect(found.map(({ transactionId }) => transactionId)).toEqual([strange.id])
  })

  test('where the own value came once, when it comes again', () => {
    const [first, strange, own] = [0, 10, 20].map((minute) =>
      invoice(LEARNT + minute * MINUTE_US, 'new', { id: `n${minute}`, owner: minute === 10 ? 'c7777' : 'c5000' }),
    ) as [Transaction, Transaction, Transaction]
    expect(opening([...ordinaryDay(), first, strange])).toEqual([])
    const [signal] = opening([...ordinaryDay(), first, strange, own])
    expect(signal!.why).toContain("given before one of the caller's own")
    expect(signal!.evidenceBefore.map(({ transactionId }) => transactionId)).toEqual([strange.id])
  })

  test('customers whom nobody knows: told at the second if it comes at once, else at the third', () => {
    const strange = (gapUs: number) =>
      [1, 2, 3].map((i) => invoice(LEARNT + i * gapUs, 'mallory', { id: `x${i}`, owner: `c77${i}` }))
    const told = (gapUs: number) =>
      opening([...ordinaryDay(), ...strange(gapUs)]).map(({ transactionTime }) => (transactionTime! - LEARNT) / gapUs)
    expect(told(SECOND_US)[0]).toBe(2)
    expect(told(10 * MINUTE_US)).toEqual([3])
  })

  test('an account that stole is not told of its own objects later', () => {
    const stolen = [1, 2, 3].map((i) => invoice(LEARNT + i * SECOND_US, 'mallory', { id: `${i}-3`, owner: `c100${i}` }))
    const own = [1, 2, 3].map((i) => invoice(LEARNT + 8 * HOUR_US + i, 'mallory', { id: `m-${i}`, owner: 'c5000' }))
    expect(opening([...ordinaryDay(), ...stolen, ...own]).every(({ time }) => time < LEARNT + HOUR_US)).toBe(true)
  })

  test('twin: a migration in the middle of their visits is told of two of sixty at most', () => {
    const visits = Array.from({ length: 60 }, (_, person) => [
      invoice(LEARNT + person * SECOND_US, `p${person}`, { id: `${person}-a`, owner: `c${1000 + person}` }),
      invoice(LEARNT + (60 + person) * SECOND_US, `p${person}`, { id: `${person}-b`, owner: `new${person}` }),
    ])
    expect(opening([...ordinaryDay(), ...visits.flat()]).length).toBeLessThanOrEqual(2)
  })

  test('where the owner is the subject of the token, the first request of a new account is told, and whoever else is not', () => {
    const subjects = ordinaryDay((person) => ({ claims: claimsOf(`c${1000 + person}`, null) }))
    const theft = invoice(LEARNT, 'new', { id: 'x1', owner: 'c7777', claims: claimsOf('c5000', null) })
    const honest = invoice(LEARNT, 'other', { id: 'x2', owner: 'c5001', claims: claimsOf('c5001', null) })
    const found = opening([...subjects, theft, honest])
    expect(found.map(({ subject }) => subject.value)).toEqual(['hmac:new'])
    expect(found[0]!.evidence.relation).toBe('subject')
  })

  test('where the tenant of the token is in the path, another one is told', () => {
    const endpoint = 'GET /v1/tenants/{id}'
    const own = ordinaryDay((person) => ({
      endpoint,
      id: `t${person % 9}`,
      body: '{"plan":"free"}',
      claims: claimsOf(`u${person}`, `t${person % 9}`),
    }))
    // The same tenant again teaches nothing: as many callers as it takes.
    const many = Array.from({ length: 400 }, (_, i) =>
      invoice(START + i * MINUTE_US, `m${i}`, {
        endpoint,
        id: `t${i % 9}`,
        body: '{"plan":"free"}',
        claims: claimsOf(`m${i}`, `t${i % 9}`),
      }),
    )
    const theft = invoice(LEARNT, 'p5', { endpoint, id: 't6', body: '{}', claims: claimsOf('u5', 't5') })
    const found = opening([...own, ...many, theft])
    expect(found.map(({ evidence }) => [evidence.field, evidence.relation])).toEqual([['path:tenants', 'tenant']])
  })

  test('before enough was seen it says nothing of one object, and of several it does', () => {
    const start = ordinaryDay().slice(0, 12 * 8)
    const more = ordinaryDay().slice(12 * 8, 40 * 8)
    const theft = [0, 1, 2, 3].map((i) =>
      invoice(LEARNT + i * SECOND_US, 'mallory', { id: `x${i}`, owner: `c10${10 + i}` }),
    )
    expect(opening([...start, ...theft])).toEqual([])
    expect(opening([...start, ...more, theft[0]!])).toEqual([])
    const [first] = opening([...start, ...more, ...theft])
    expect(first).toMatchObject({ severity: 'low', transactionId: theft[1]!.id })
  })

  /** Ten hours in which everybody looks at orders, which name the customer. */
  const orders = () =>
    ordinaryDay((person) => ({ endpoint: 'GET /v1/orders/{id}', body: `{"customer_id":"c${1000 + person}"}` }))
  const invoicesOf = (people: number, each: number) =>
    Array.from({ length: people * each }, (_, i) => {
      const person = i % people
      return invoice(START + i * 3 * MINUTE_US, `p${person}`, { id: `${person}-${i}`, owner: `c${1000 + person}` })
    })

  test('an endpoint that few use is judged by how its service is elsewhere, once its own answers are alike', () => {
    const theft = invoice(LEARNT, 'p5', { id: '9-3', owner: 'c1009' })
    const few = invoicesOf(40, 5)
    expect(opening([...few, theft])).toEqual([])
    const siblings = ordinaryDay().map((tx) => ({ ...tx, endpoint: 'GET /v1/letters/{id}' }))
    expect(opening([...few, ...siblings, theft])).toHaveLength(1)
  })

  test('who somebody is under one name tells whose an object is under another', () => {
    const theft = invoice(LEARNT, 'p115', { id: '9-3', owner: 'c1009' })
    const invoices = invoicesOf(110, 2)
    expect(opening([...invoices, theft])).toEqual([])
    const [signal, ...more] = opening([...orders(), ...invoices, theft])
    expect(more).toEqual([])
    expect(signal!.evidence).toMatchObject({ field: 'response:owner_id', relation: 'person' })
  })

  test('a tenant is nobody: that it is the same for many says nothing of what is called by another name', () => {
    const tenants = ordinaryDay((person) => ({ endpoint: 'GET /v1/me', body: `{"tenant":"t${person % 9}"}` }))
    const theft = invoice(LEARNT, 'p115', { id: '9-3', owner: 'c1009' })
    const found = opening([...tenants, ...orders(), ...invoicesOf(110, 2), theft])
    expect(found.map(({ evidence }) => evidence.relation)).toEqual(['person'])
  })

  test('twin: a tenant that many have is not its first member’s, whoever joins later', () => {
    const visit = (member: number, at: number) =>
      invoice(START + at * MINUTE_US, `m${member}`, { endpoint: 'GET /v1/me', body: `{"tenant":"t${member % 24}"}` })
    const members = Array.from({ length: 1200 }, (_, i) => visit(i % 300, i))
    // Nobody else of the tenant comes between these.
    members.push(...[0, 0, 0, 312, 336].map((member, i) => visit(member, 1200 + i)))
    expect(opening([...ordinaryDay(), ...members])).toEqual([])
  })

  test('twin: support agents, by their role, and an agent who acts with a token of the customer', () => {
    const agents = Array.from({ length: 400 }, (_, i) =>
      invoice(START + i * MINUTE_US, `agent${i % 6}`, {
        id: `${i % PEOPLE}-1`,
        owner: `c${1000 + (i % PEOPLE)}`,
        claims: claimsOf(`agent${i % 6}`, null, ['support']),
      }),
    )
    const acting = Array.from({ length: 40 }, (_, i) =>
      invoice(LEARNT + i * SECOND_US, `p${i}`, { id: `${i}-2`, owner: `c${1000 + i}` }),
    )
    expect(opening([...ordinaryDay(), ...agents, ...acting])).toEqual([])
  })

  test('twin: folders that a fifth of the people share with two friends', () => {
    const random = randomFrom(3)
    const shared = Array.from({ length: 600 }, (_, i) => {
      const person = i % PEOPLE
      const friend = random() < 0.5 ? person : (person + (random() < 0.5 ? 1 : 7)) % PEOPLE
      const owner = person % 5 === 0 ? friend : person
      return invoice(START + i * 60 * SECOND_US, `p${person}`, { id: `${owner}-${i}`, owner: `c${1000 + owner}` })
    })
    expect(opening([...ordinaryDay(), ...shared])).toEqual([])
  })

  test('twin: what a list of the caller’s shows of others leads to them', () => {
    const list = invoice(LEARNT, 'p5', {
      endpoint: 'GET /v1/shared-with-me',
      body: '{"items":[{"owner_id":"c1005"},{"owner_id":"c1009"}]}',
    })
    expect(opening([...ordinaryDay(), list, invoice(LEARNT + SECOND_US, 'p5', { id: '9-3', owner: 'c1009' })])).toEqual(
      [],
    )
  })

  test('twin: migrations give every customer another number, and half a day later another one', () => {
    const renamed = [1, 1.5].flatMap((day) =>
      ordinaryDay().map((tx, i) => {
        const person = Number(tx.principal.display.slice(1))
        const given = { id: `n${day}-${person}-${i}`, owner: `cust_${day}_${person}` }
        return invoice(tx.time + day * DAY_US, tx.principal.display, given)
      }),
    )
    const target = detector()
    // Of each the first two: nothing tells them from a thief until others follow.
    expect(opening([...ordinaryDay(), ...renamed], target).length).toBeLessThanOrEqual(4)
    // What is blind afterwards is known.
    expect(target.takeChanges!().map(({ endpoint, rule }) => `${endpoint}: ${rule}`)).toContain(
      'GET /v1/invoices: owner_id in the answer is always the same for one caller',
    )
    expect(target.takeChanges!()).toEqual([])
  })

  test.each([1, 3, 4])(
    'twin: one look in forty at what the family bought is no theft, and no rule that ends (%i)',
    (seed) => {
      const random = randomFrom(seed)
      const family = () => 1000 + Math.floor(random() * PEOPLE)
      const looks = [0, DAY_US].flatMap((day) =>
        ordinaryDay().map((tx, i) => {
          const own = 1000 + Number(tx.principal.display.slice(1))
          const owner = `c${random() < 1 / 40 ? family() : own}`
          const given = { id: `${day}-${i}`, owner, claims: claimsOf(`c${own}`, null) }
          return invoice(tx.time + day, tx.principal.display, given)
        }),
      )
      const target = detector()
      expect(opening(looks, target)).toEqual([])
      expect(target.takeChanges!()).toEqual([])
      expect(target.sizes().rules_given_up!.evicted).toBeGreaterThan(0)
    },
  )

  test('a thief takes no rule down, however many accounts he has: who is in an incident does not count', () => {
    const target = detector()
    const thieves = Array.from({ length: 60 }, (_, i) => [
      invoice(LEARNT + i * SECOND_US, `t${i % 20}`, { id: `own-${i % 20}`, owner: `c9${i % 20}` }),
      invoice(LEARNT + i * SECOND_US + 1, `t${i % 20}`, { id: `${i}-3`, owner: `c${1000 + i}` }),
    ]).flat()
    const found = opening([...ordinaryDay(), ...thieves], target)
    expect(new Set(found.map(({ subject }) => subject.value)).size).toBe(20)
    expect(target.takeChanges!()).toEqual([])
    const after = invoice(LEARNT + HOUR_US, 'p5', { id: '9-3', owner: 'c1009' })
    expect(opening([after], target)).toHaveLength(1)
  })

  test('twin: people whom a token named come with a cookie, and are no strangers to themselves', () => {
    const web = Array.from({ length: 10 }, (_, person) => {
      const tx = invoice(LEARNT + person * SECOND_US, `p${person}`, { id: `${person}-99`, owner: `c${1000 + person}` })
      return { ...tx, principal: { ...tx.principal, id: `hmac:web-${person}`, via: 'cookie.sid' } }
    })
    expect(opening([...ordinaryDay(), ...web])).toEqual([])
  })

  test('a thief who comes first does not become the owner of what is stolen', () => {
    const early = Array.from({ length: PEOPLE }, (_, i) =>
      invoice(START + i, 'mallory', { id: `${i}-0`, owner: `c${1000 + i}` }),
    )
    const found = opening([...early, ...ordinaryDay(), invoice(LEARNT, 'p5', { id: '9-3', owner: 'c1009' })])
    expect(found.map(({ subject }) => subject.value)).toEqual(['hmac:p5'])
  })

  test('bodies that are cut, deep, huge or no JSON say nothing', () => {
    const bodies = [
      '{"owner_id":"c1',
      '['.repeat(50_000),
      `{"owner_id":${'9'.repeat(70_000)}}`,
      'owner_id',
      '{"owner_id":{}}',
    ]
    const odd = bodies.flatMap((body, i) => [
      invoice(START + i, 'p1', { id: `o${i}`, body }),
      invoice(LEARNT + i, 'p5', { id: `o${i}`, body }),
    ])
    expect(opening([...ordinaryDay(), ...odd])).toEqual([])
  })

  test('goes on from its snapshot as if it had never stopped', () => {
    const traffic = ordinaryDay().sort((a, b) => a.endTime - b.endTime)
    const unbroken = detector()
    play(traffic.slice(0, 700), unbroken)
    const restored = detector()
    for (const line of unbroken.snapshot!()) restored.restore!(JSON.parse(JSON.stringify(line)))
    expect([...restored.snapshot!()]).toEqual([...unbroken.snapshot!()])
    const rest = [...traffic.slice(700), invoice(LEARNT, 'p5', { id: '9-3', owner: 'c1009' })]
    expect(opening(rest, restored)).toEqual(opening(rest, unbroken))
    expect([...restored.snapshot!()]).toEqual([...unbroken.snapshot!()])
  })
})
