/** Recordings of callers who are given what is others': see fixtures.ts. */

const MINUTE = 60 * 1_000_000
const range = (count: number) => Array.from({ length: count }, (_, i) => i)

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

export const OBJECT_FIXTURES = {
  // One customer is given three invoices of others.
  'others-invoices.jsonl': [...OWN, ...range(3).map((i) => invoice((181 + i) * MINUTE, 7, 11 + i, 1))],
  // One customer looks at some more of his own, and is refused one that is not.
  'own-invoices.jsonl': [
    ...OWN,
    ...range(3).map((i) => invoice((181 + i) * MINUTE, 7, 7, 5 + i)),
    { ...invoice(185 * MINUTE, 7, 11, 1), status: 403, answer: { error: 'not yours' } },
  ],
}
