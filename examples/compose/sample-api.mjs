// A small shop API to watch: sample-api.mjs PORT. It has a deliberate fault: any signed-in user may read any order.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'

const sessions = new Map()

createServer((request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const { pathname } = new URL(request.url, 'http://api')
  const user = sessions.get(request.headers.authorization?.replace(/^Bearer /, ''))
  const order = /^\/v1\/orders\/(\d{1,6})$/.exec(pathname)?.[1]
  if (pathname === '/health') return answer(200, { ok: true })
  if (pathname === '/v1/products') return answer(200, { items: [{ id: 1, name: 'Tea' }] })
  if (pathname === '/v1/login' && request.method === 'POST') return void login(request, answer)
  if (user === undefined) return answer(401, { error: 'sign in' })
  if (pathname === '/v1/me') return answer(200, { user })
  if (order !== undefined) return answer(200, { id: Number(order), total: 1999 })
  return answer(404, { error: 'not found' })
}).listen(Number(process.argv[2] ?? 8080))

async function login(request, answer) {
  let text = ''
  for await (const part of request) {
    text += part
    if (text.length > 4096) return answer(413, { error: 'too long' })
  }
  const { user, password } = JSON.parse(text || '{}')
  if (password !== `secret-of-${user}`) return answer(401, { error: 'wrong' })
  const token = randomUUID().replaceAll('-', '')
  sessions.set(token, user)
  return answer(200, { access_token: token })
}
