// Calls the sample API without end: visitors.mjs URL. Thirty people, and every two minutes one who reads the orders of others.
import { setTimeout as sleep } from 'node:timers/promises'

const api = process.argv[2] ?? 'http://127.0.0.1:8080'

async function signIn(user) {
  const answer = await fetch(`${api}/v1/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user, password: `secret-of-${user}` }),
  })
  const { access_token: token } = await answer.json()
  return (path) => fetch(api + path, { headers: { authorization: `Bearer ${token}` } }).then((got) => got.text())
}

async function person(number) {
  const get = await signIn(`u${number}`)
  for (;;) {
    await get('/v1/products')
    await get('/v1/me')
    await get(`/v1/orders/${1000 + number * 10 + Math.floor(Math.random() * 4)}`)
    await sleep(500 + Math.random() * 4000)
  }
}

async function counter() {
  const get = await signIn('mallory')
  for (;;) {
    await sleep(120_000)
    for (let order = 1000; order < 1300; order++) await get(`/v1/orders/${order}`)
  }
}

await Promise.all([counter(), ...Array.from({ length: 30 }, (_, number) => person(number))])
