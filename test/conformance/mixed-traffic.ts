import { MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { address, login, missing, order, randomFrom, START, transaction, user } from './traffic.ts'

/** Customers, a busy office, guessing, scanning and walks over ids, over many hours. */
export function* mixedTraffic(seed: number, count: number): Generator<Transaction> {
  const random = randomFrom(seed)
  const any = (most: number) => Math.floor(random() * most)
  let walked = 0
  let now = START + seed * 1000 * MINUTE_US
  for (let i = 0; i < count; i++) {
    now += Math.floor(random() * 20 * SECOND_US) + (i % 500 === 0 ? 20 * MINUTE_US : 0)
    const kind = random()
    const name = `u${any(60)}`
    if (kind < 0.1) yield login(now, `198.51.100.${any(30)}`, `a${any(40)}`, random() < 0.8)
    else if (kind < 0.16) yield login(now, '203.0.113.66', `a${any(4)}`, random() < 0.02)
    else if (kind < 0.2) yield missing(now, address(`192.0.2.${any(20)}`), `/old/${any(3)}`)
    else if (kind < 0.24)
      yield missing(
        now,
        address('203.0.113.99'),
        ['/.env', '/admin', `/${String.fromCharCode(97 + any(26), 97 + any(26))}`][any(3)]!,
      )
    else if (kind < 0.34) yield order(now, 'walker', 5000 + walked++, random() < 0.6 ? 404 : 200)
    else if (kind < 0.4) {
      const { principal, role } = user('clerk', ['support'])
      const claims = {
        iss: null,
        sub: 'clerk',
        tenant: null,
        role,
        scope: [],
        alg: null,
        kid: null,
        iat: null,
        exp: null,
      }
      yield { ...order(now, 'clerk', any(4000)), principal, claims } as Transaction
    } else if (kind < 0.9) yield order(now, name, `${name}-${any(20)}`, random() < 0.97 ? 200 : 403)
    else
      yield transaction({
        time: now,
        principal: user(name).principal,
        path: '/',
        endpoint: 'GET /',
        knownEndpoint: true,
      })
  }
}
