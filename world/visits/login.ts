import { stringify } from 'node:querystring'
import { MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { type Caller, FORM_TYPE } from '../caller.ts'
import { token } from '../draw.ts'
import { operationOf } from '../estate/estate.ts'
import type { Actor } from '../people.ts'
import type { World } from '../world.ts'
import { type Script, think } from './script.ts'

/** How people and machines get, keep and renew what proves who they are. */

const ACCESS_LIFE_US = 30 * MINUTE_US
/** How often a password is mistyped, as people do: once, sometimes three times. */
const TYPO = 0.07

/** A token for the API: by password, or by the refresh token that the app keeps. */
export function* appLogin(caller: Caller): Script {
  const { world, random } = caller
  if (caller.refresh !== null) {
    yield* refreshToken(caller)
    return
  }
  const login = operationOf(world.estate.services.identity, 'POST /v1/login')
  const { email, password } = caller.actor
  while (random.chance(TYPO)) {
    caller.call(login, {
      body: JSON.stringify({ email, password: mistyped(password, random.between(1, 6)) }),
      status: 401,
      authorization: null,
    })
    yield think(random, 5)
  }
  grant(caller)
  caller.call(login, {
    body: JSON.stringify({ email, password }),
    status: 200,
    answer: tokensJson(caller),
    authorization: null,
  })
  yield think(random, 1)
}

export function* refreshToken(caller: Caller): Script {
  const { world, random } = caller
  const operation = operationOf(world.estate.services.identity, 'POST /oauth/token')
  const body = stringify({ grant_type: 'refresh_token', refresh_token: caller.refresh ?? '', client_id: 'app' })
  const { refresh } = caller
  grant(caller)
  // Some hand out a new one each time.
  if (random.chance(0.5)) caller.refresh = refresh
  caller.call(operation, {
    body,
    status: 200,
    answer: tokensJson(caller),
    authorization: null,
    contentType: FORM_TYPE,
  })
  yield think(random, 0.3)
}

/** A session cookie, by a form. */
export function* webLogin(caller: Caller): Script {
  const { world, random } = caller
  const login = operationOf(world.estate.services.web, 'POST /login')
  const { email, password } = caller.actor
  while (random.chance(TYPO)) {
    caller.call(login, {
      body: stringify({ email, password: mistyped(password, random.between(1, 6)) }),
      status: 401,
      contentType: FORM_TYPE,
      authorization: null,
    })
    yield think(random, 6)
  }
  const cookie = world.secrets.cookie(random)
  caller.call(login, {
    body: stringify({ email, password }),
    status: 303,
    answer: '',
    authorization: null,
    contentType: FORM_TYPE,
    responseHeaders: [
      ['Location', '/account'],
      ['Set-Cookie', `sid=${cookie}; Path=/; HttpOnly; Secure; SameSite=Lax`],
    ],
  })
  caller.cookie = cookie
  yield think(random, 1)
}

/** What a machine shows, got beforehand or asked for now. */
export function* machineLogin(caller: Caller): Script {
  const { world, actor, random } = caller
  switch (actor.scheme) {
    case 'key':
      caller.apiKey = actor.secret
      return
    case 'basic':
      caller.authorization = `Basic ${Buffer.from(`${actor.name}:${actor.secret}`).toString('base64')}`
      return
    case 'opaque':
      caller.authorization = `Bearer ${actor.secret}`
      return
    case 'jwt':
      grant(caller)
      return
    case 'client': {
      const issued = world.secrets.key(random, 'at')
      caller.call(operationOf(world.estate.services.partners, 'POST /oauth/token'), {
        body: stringify({ grant_type: 'client_credentials', client_id: actor.name, client_secret: actor.secret }),
        status: 200,
        answer: JSON.stringify({ access_token: issued, token_type: 'Bearer', expires_in: 3600 }),
        authorization: null,
        contentType: FORM_TYPE,
      })
      caller.authorization = `Bearer ${issued}`
      yield think(random, 0.2)
      return
    }
    case 'none':
      return
  }
}

/** New tokens, held from now on. */
export function grant(caller: Caller): void {
  const { world, random } = caller
  caller.authorization = `Bearer ${jwtOf(world, caller.actor, caller.now)}`
  caller.expires = caller.now + ACCESS_LIFE_US
  if (caller.actor.channel === 'app' || caller.actor.channel === 'both')
    caller.refresh = world.secrets.key(random, 'rt')
}

export function jwtOf(world: World, actor: Actor, nowUs: number, changed: object = {}, header: object = {}): string {
  const iat = Math.floor(nowUs / SECOND_US)
  const claims = {
    iss: world.estate.issuer,
    sub: actor.sub,
    tenant: actor.tenant,
    roles: [actor.role],
    scope: actor.role === 'staff' ? 'backoffice' : 'shop profile',
    iat,
    exp: iat + ACCESS_LIFE_US / SECOND_US,
    jti: token(world.random, 10),
    ...changed,
  }
  return world.secrets.jwt(world.random, { alg: 'RS256', typ: 'JWT', kid: '2026-10', ...header }, claims)
}

function tokensJson(caller: Caller): string {
  return JSON.stringify({
    access_token: caller.authorization?.slice('Bearer '.length),
    token_type: 'Bearer',
    expires_in: ACCESS_LIFE_US / SECOND_US,
    refresh_token: caller.refresh,
  })
}

/** A slip of the finger among the first letters: never the password itself, and the mark of secrets stays. */
export function mistyped(password: string, slip: number): string {
  const at = slip % 4
  return `${password.slice(0, at)}${password.slice(at + 1)}`
}
