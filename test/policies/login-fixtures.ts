/** Recordings of people who sign in, and of others who sign in as them: see fixtures.ts. */

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

function signIn(second: number, ip: string, person: number, password: string, right: boolean, agent = 'ShopApp/5.2') {
  return {
    at: Math.round(second * 1_000_000),
    ip,
    path: '/v1/login',
    method: 'POST',
    status: right ? 200 : 401,
    body: { username: `person${person}@shop.test`, password },
    agent,
  }
}

const home = (i: number) => `198.51.100.${(i % 200) + 1}`
const right = (second: number, i: number) => signIn(second, home(i), i, `right-${i}`, true)

/** Eighty people, each from home, one in eight with a slip of the finger first. */
const MORNING = range(80).flatMap((i) => [
  ...(i % 8 === 0 ? [signIn(i * 30, home(i), i, `righ-${i}`, false)] : []),
  right(i * 30 + 5, i),
])

export const LOGIN_FIXTURES = {
  // A list of stolen passwords, two tries from each of sixty addresses, while people go on signing in; one of them fits.
  'stolen-list.jsonl': [
    ...MORNING,
    ...range(120).map((i) => {
      const fits = i === 90
      const ip = `203.0.${113 + (i % 3)}.${(i >> 1) + 1}`
      return signIn(
        2500 + i * 4,
        ip,
        i % 100,
        fits ? `right-${i % 100}` : `stolen-${i}`,
        fits,
        'python-requests/2.31.0',
      )
    }),
    ...range(16).map((i) => right(2505 + i * 30, i)),
  ],
  // The passwords of all have expired: a third fail, some again, and get in with a new one.
  'expired-passwords.jsonl': [
    ...MORNING,
    ...range(80).flatMap((i) => [
      ...(i % 3 === 0
        ? [
            signIn(2500 + i * 10, home(i), i, `right-${i}`, false),
            signIn(2520 + i * 10, home(i), i, `Right-${i}`, false),
          ]
        : []),
      signIn(2560 + i * 10, home(i), i, `new-${i}`, true),
    ]),
  ],
}
