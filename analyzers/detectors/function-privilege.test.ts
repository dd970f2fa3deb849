import { describe, expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { play, randomFrom, START, transaction, user } from '../../test/conformance/traffic.ts'
import { isAdminLike } from './function-privilege/admin-names.ts'
import { functionPrivilege } from './function-privilege.ts'

const OPENS = shippedPolicies().rules.find((rule) => rule.detectors.includes('function.privilege'))!.maxLog10P
const LEARNT = START + 10 * HOUR_US

function detector() {
  return functionPrivilege.create(functionPrivilege.options.parse({}))
}

function opening(traffic: readonly Transaction[], target = detector()): Signal[] {
  const found: Signal[] = []
  play(
    [...traffic].sort((a, b) => a.endTime - b.endTime),
    target,
    (signal) => {
      if (signal !== null && signal.log10P <= OPENS) found.push(signal)
    },
  )
  return found
}

/** A call of an operation by somebody whose token has this role. */
function call(time: number, name: string, role: string | null, endpoint: string, status = 200): Transaction {
  return transaction({
    time,
    principal: user(name).principal,
    claims:
      role === null
        ? null
        : { iss: null, sub: name, tenant: null, role: [role], scope: [], alg: null, kid: null, iat: null, exp: null },
    method: endpoint.split(' ')[0]!,
    path: endpoint.split(' ')[1]!,
    endpoint,
    knownEndpoint: true,
    status,
  })
}

const SHOP = ['GET /v1/orders', 'GET /v1/orders/{id}', 'POST /v1/cart', 'GET /v1/products']
const STAFF = [
  'GET /internal/customers',
  'GET /internal/customers/{id}',
  'POST /internal/customers/{id}/unlock',
  'POST /internal/refunds',
  'GET /internal/flags',
]
/** What staff use that does not look like it. */
const DESK = ['GET /v1/desk', 'GET /v1/queue']

/** Ten hours of customers in the shop and eight of the staff at work. */
function ordinaryDay(customers = 400): Transaction[] {
  const random = randomFrom(5)
  const pick = (list: readonly string[]) => list[Math.floor(random() * list.length)]!
  const at = () => START + Math.floor(random() * 36_000) * SECOND_US
  const traffic: Transaction[] = []
  for (let i = 0; i < customers; i++) {
    for (let k = 0; k < 4; k++) traffic.push(call(at(), `c${i}`, 'customer', pick(SHOP)))
  }
  for (let i = 0; i < 8; i++) {
    for (let k = 0; k < 60; k++) traffic.push(call(at(), `s${i}`, 'staff', pick([...STAFF, ...DESK])))
  }
  return traffic
}

describe('function.privilege', () => {
  test('the ordinary day is silent', () => {
    expect(opening(ordinaryDay())).toEqual([])
  })

  test('one function of the staff granted to a customer is told', () => {
    const [signal, ...more] = opening([...ordinaryDay(), call(LEARNT, 'c7', 'customer', STAFF[2]!)])
    expect(more).toEqual([])
    expect(signal).toMatchObject({ severity: 'high', subject: { kind: 'user', value: 'hmac:c7' } })
    expect(signal!.why).toBe(
      '1 operation of another role granted to a caller of role customer, the last POST /internal/customers/{id}/unlock: 8 callers of role staff use it, none of 400 callers of role customer did',
    )
  })

  test('where fewer customers are known it takes some functions', () => {
    const theft = STAFF.map((endpoint, i) => call(LEARNT + i * SECOND_US, 'c7', 'customer', endpoint))
    const [first] = opening([...ordinaryDay(40), ...theft])
    expect(first!.evidence.operations_granted).toBe(3)
    expect(opening([...ordinaryDay(20), ...theft])).toEqual([])
  })

  test('refused ones are told from the fourth on, as low; the same one again and again is not', () => {
    const tries = STAFF.map((endpoint, i) => call(LEARNT + i * SECOND_US, 'c7', 'customer', endpoint, 403))
    const found = opening([...ordinaryDay(), ...tries])
    expect(found.map(({ severity, evidence }) => [severity, evidence.operations_refused])).toEqual([
      ['low', 4],
      ['low', 5],
    ])
    const same = Array.from({ length: 50 }, (_, i) => call(LEARNT + i, 'c7', 'customer', STAFF[0]!, 403))
    expect(opening([...ordinaryDay(), ...same])).toEqual([])
  })

  test('a function that does not look privileged takes a second one', () => {
    const first = call(LEARNT, 'c7', 'customer', DESK[0]!)
    const second = call(LEARNT + 1, 'c7', 'customer', DESK[1]!)
    expect(opening([...ordinaryDay(), first])).toEqual([])
    expect(opening([...ordinaryDay(), first, second]).map(({ severity }) => severity)).toEqual(['medium'])
  })

  test('twin: somebody new on the staff, and a customer who becomes one of them', () => {
    const added = STAFF.map((endpoint, i) => call(LEARNT + i * SECOND_US, 'newcomer', 'staff', endpoint))
    const promoted = STAFF.map((endpoint, i) => call(LEARNT + i * MINUTE_US, 'c7', 'staff', endpoint))
    const target = detector()
    expect(opening([...ordinaryDay(), ...added, ...promoted], target)).toEqual([])
    // What was learnt of them was learnt of the staff.
    target.tick(LEARNT + 3 * HOUR_US)
    const [theft] = opening([call(LEARNT + 3 * HOUR_US, 'c9', 'customer', STAFF[0]!)], target)
    expect(theft!.evidence.of_them_use_it).toBe(0)
  })

  test('twin: a function that the staff tried first is rolled out to everybody', () => {
    const rollout = Array.from({ length: 200 }, (_, i) =>
      call(LEARNT + i * MINUTE_US, `c${i}`, 'customer', 'GET /v1/desk'),
    )
    expect(opening([...ordinaryDay(), ...rollout])).toEqual([])
  })

  test('twin: a new function is everybody’s, whoever comes first', () => {
    const fresh = [...Array(12).keys()].map((i) =>
      call(LEARNT + i * SECOND_US, `s${i % 8}`, 'staff', 'POST /admin/new'),
    )
    expect(opening([...ordinaryDay(), ...fresh, call(LEARNT + HOUR_US, 'c7', 'customer', 'POST /admin/new')])).toEqual(
      [],
    )
  })

  test('callers whose role nobody knows are not compared, and those whose cohort is learnt are', () => {
    const nameless = ordinaryDay().map((tx) => ({ ...tx, claims: null }))
    const theft = { ...call(LEARNT, 'c7', null, STAFF[2]!) }
    expect(opening([...nameless, theft])).toEqual([])
    const cohort = (tx: Transaction) => (tx.principal.display.startsWith('s') ? 'staff' : 'customer')
    const seen = [...nameless, theft].map((tx) => ({
      ...tx,
      caller: { role: cohort(tx), cohort: cohort(tx), labels: [] } as const,
    }))
    expect(opening(seen)).toHaveLength(1)
  })

  test('what a thief did before anybody noticed teaches nothing once he is suspected', () => {
    const target = detector()
    opening([...ordinaryDay(), call(LEARNT, 'c7', 'customer', DESK[0]!)], target)
    target.suspect!('hmac:c7', true, LEARNT + SECOND_US)
    target.tick(LEARNT + 2 * HOUR_US)
    const later = [0, 1].map((i) => call(LEARNT + 2 * HOUR_US + i, 'c8', 'customer', DESK[i]!))
    expect(opening(later, target)[0]!.evidence.of_them_use_it).toBe(0)
  })

  test('goes on from its snapshot as if it had never stopped', () => {
    const traffic = ordinaryDay().sort((a, b) => a.endTime - b.endTime)
    const unbroken = detector()
    play(traffic.slice(0, 1500), unbroken)
    const restored = detector()
    for (const line of unbroken.snapshot!()) restored.restore!(JSON.parse(JSON.stringify(line)))
    expect([...restored.snapshot!()]).toEqual([...unbroken.snapshot!()])
    const rest = [...traffic.slice(1500), call(LEARNT, 'c7', 'customer', STAFF[0]!)]
    expect(opening(rest, restored)).toEqual(opening(rest, unbroken))
    expect([...restored.snapshot!()]).toEqual([...unbroken.snapshot!()])
  })

  test.each([
    ['POST /internal/users', true],
    ['GET /api/admin/users/{id}', true],
    ['POST /rpc#admin.reset', true],
    ['GET /v1/administrations', false],
    ['GET /v1/orders', false],
  ])('%s looks administrative: %s', (template, expected) => expect(isAdminLike(template)).toBe(expected))
})
