/** Recordings of callers who are given what is others', objects and functions: see fixtures.ts. */

const MINUTE = 60 * 1_000_000
const range = (count: number) => Array.from({ length: count }, (_, i) => i)

const inOrder = <T extends { readonly at: number }>(requests: readonly T[]) => [...requests].sort((a, b) => a.at - b.at)

/** Nobody checks it: what is watched is traffic that a server has judged. */
function token(sub: string, role: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iss: 'https://id.shop.test', sub, roles: [role] })}.${'x'.repeat(43)}`
}

/** A call by somebody whose token has this role. */
function call(at: number, caller: number, role: string, path: string, status = 200) {
  return { at: Math.round(at), ip: `198.51.100.${caller + 1}`, path, status, token: token(`u_${caller}`, role) }
}

/** An invoice of a customer, read by somebody who is signed in. */
function invoice(at: number, reader: number, customer: number, number: number) {
  return {
    at: Math.round(at),
    ip: `198.51.100.${reader + 1}`,
    path: `/v1/invoices/${40_000 + (((customer * 8 + number) * 7919) % 4800)}`,
    user: `u_${reader}`,
    answer: { number, customer_id: `c_${customer}`, total: 12 },
  }
}

/** Thirty customers look at four invoices of their own each, for three hours. */
const OWN = range(120).map((i) => invoice(i * 1.5 * MINUTE, i % 30, i % 30, Math.floor(i / 30)))

const DESK = ['/internal/customers', '/internal/refunds', '/internal/flags', '/internal/reports']

/** Forty customers shop, four of the staff work, for three hours. */
const SHIFT = [
  ...range(120).map((i) => call(i * 1.5 * MINUTE, i % 40, 'customer', i % 2 === 0 ? '/v1/cart' : '/v1/products')),
  ...range(80).map((i) => call(i * 2.2 * MINUTE, 60 + (i % 4), 'staff', DESK[(i >> 2) % 4]!)),
]

/** Ninety customers look at five invoices of their own each, for four hours. */
const MANY = range(450).map((i) => invoice(i * 0.5 * MINUTE, i % 90, i % 90, Math.floor(i / 90)))

/** An order that somebody who is signed in opens. */
function order(at: number, reader: number, number: number) {
  return {
    at: Math.round(at),
    ip: `198.51.100.${reader + 1}`,
    path: `/v1/orders/${50_000 + ((number * 7919) % 48_000)}`,
    user: `u_${reader}`,
  }
}

/** Thirty customers open two orders of their own every twenty minutes, for four hours and a half. */
const SHOPPING = range(810).map((i) => order(i * 0.333 * MINUTE, (i >> 1) % 30, ((i >> 1) % 30) * 20 + (i % 20)))

/** One who opens `count(window)` orders in each of the first twenty-two windows of ten minutes. */
const opening = (count: (window: number) => number) =>
  range(22).flatMap((window) =>
    range(count(window)).map((i) =>
      order((window + (i + 0.5) / count(window)) * 10 * MINUTE, 60, 700 + window * 100 + i),
    ),
  )

export const OBJECT_FIXTURES = {
  // One customer opens a little more from window to window; the last come when what he taught has been learnt.
  'ever-more-orders.jsonl': inOrder([
    ...SHOPPING,
    ...opening((window) => Math.round(3 * 1.14 ** window)),
    ...range(40).map((i) => order((261 + i / 10) * MINUTE, 60, 5000 + i)),
  ]),
  // One customer opens as many each time as the other did in the end: a habit that was there from the start.
  'many-orders.jsonl': inOrder([
    ...SHOPPING,
    ...opening((window) => (window % 2 === 0 ? 26 : 34)),
    ...range(40).map((i) => order((261 + i / 10) * MINUTE, 60, 5000 + i)),
  ]),
  // Overnight every customer has another number.
  'renumbered.jsonl': [
    ...MANY,
    ...range(12).map((i) => {
      const { answer, ...request } = invoice((600 + i) * MINUTE, i, i, 6)
      return { ...request, answer: { ...answer, customer_id: `k_${700 + i}` } }
    }),
  ],
  // One customer is given three invoices of others.
  'others-invoices.jsonl': [...OWN, ...range(3).map((i) => invoice((181 + i) * MINUTE, 7, 11 + i, 1))],
  // One customer looks at some more of his own, and is refused one that is not.
  'own-invoices.jsonl': [
    ...OWN,
    ...range(3).map((i) => invoice((181 + i) * MINUTE, 7, 7, 5 + i)),
    { ...invoice(185 * MINUTE, 7, 11, 1), status: 403, answer: { error: 'not yours' } },
  ],
  // A customer opens what the staff use, and is let in.
  'staff-functions.jsonl': [...SHIFT, ...DESK.map((path, i) => call((181 + i) * MINUTE, 7, 'customer', path))],
  // Somebody is new on the staff; a customer is refused one of their pages.
  'new-agent.jsonl': [
    ...SHIFT,
    ...DESK.map((path, i) => call((181 + i) * MINUTE, 70, 'staff', path)),
    call(186 * MINUTE, 7, 'customer', DESK[0]!, 403),
  ],
}
