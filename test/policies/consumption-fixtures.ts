/** Recordings of callers who use too much, or carry records away: see fixtures.ts. */

const MINUTE = 60 * 1_000_000
const range = (count: number) => Array.from({ length: count }, (_, i) => i)

/** A search by a customer. */
function search(at: number, customer: number) {
  return {
    at: Math.round(at),
    ip: `198.51.100.${customer + 1}`,
    path: '/v1/search',
    query: `q=${['shoes', 'coat', 'lamp'][customer % 3]}`,
    user: `u_${customer}`,
  }
}

/** A page of the list of customers, read by a member of staff. */
function customers(at: number, reader: number, rows: number) {
  return {
    at: Math.round(at),
    ip: `198.51.100.${reader + 101}`,
    host: 'desk.shop.test',
    path: '/v1/customers',
    query: 'page=1',
    user: `staff_${reader}`,
    answer: { customers: range(rows).map((i) => ({ id: 1000 + i, email: `customer${1000 + i}@mail.test` })) },
  }
}

/** Thirty customers search now and then, once or twice at a go, for two hours and a half. */
const SEARCHES = range(150).flatMap((i) =>
  range(1 + (i % 2)).map((k) => search((i + k * 0.1) * MINUTE, (i * 7 + Math.floor(i / 30)) % 30)),
)
/** Twenty-four members of staff look at lists of a few customers, for two hours and a half. */
const LISTS = range(150).map((i) => customers(i * MINUTE, i % 24, 14 + (i % 8)))

export const CONSUMPTION_FIXTURES = {
  // One account searches without a break.
  'search-without-end.jsonl': [...SEARCHES, ...range(1250).map((i) => search(151 * MINUTE + i * 100_000, 7))],
  // Many search at once, some of them a little longer.
  'busy-hour.jsonl': [
    ...SEARCHES,
    ...range(220).map((i) => search(151 * MINUTE + i * 400_000, i % 30)),
    ...range(25).map((i) => search(153 * MINUTE + i * 2_000_000, 7)),
  ],
  // One account reads page after page of the list of customers.
  'customer-list.jsonl': [...LISTS, ...range(15).map((i) => customers((151 + i / 6) * MINUTE, 7, 40))],
  // A long list now and then.
  'staff-at-work.jsonl': [...LISTS, ...range(4).map((i) => customers((151 + i * 3) * MINUTE, 7, 40))],
}
