import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { type Caller, PLAIN } from '../caller.ts'
import type { Operation } from '../estate/operation.ts'
import { appLogin, grant, jwtOf } from '../visits/login.ts'
import type { Script } from '../visits/script.ts'
import type { World } from '../world.ts'
import { defineAttack, type Part } from './attack.ts'
import { alone, anyUser, insider, loggedIn, outsider, ownRead, withToken } from './crew.ts'
import { jitter } from './guessing.ts'

/** Credentials in the wrong hands, made up, or not asked for. */

interface Calls {
  readonly calls: number
  readonly everyUs: number
}

/** What `holder` may read: a credential opens no more to whoever else shows it. */
function* reads(
  caller: Caller,
  operations: readonly Operation[],
  { calls, everyUs }: Calls,
  holder = caller.actor,
): Script {
  for (let i = 0; i < calls; i++) {
    const operation = caller.random.pick(operations)
    caller.call(operation, { objects: operation.resources.map((each) => caller.reachable(each, holder)) })
    yield jitter(caller, everyUs)
  }
}

function shopReads(world: World): Operation[] {
  return world.estate.services.shop.operations.filter(({ method }) => method === 'GET')
}

export const tokenTheft = defineAttack<Calls & { readonly beside: boolean }>({
  name: 'auth.token_theft',
  detector: 'auth.token_theft',
  summary: 'a token is used from somewhere else, by another program, while its owner goes on',
  intensities: {
    blatant: { calls: 120, everyUs: SECOND_US, beside: true },
    moderate: { calls: 40, everyUs: 8 * SECOND_US, beside: true },
    stealthy: { calls: 8, everyUs: 2 * MINUTE_US, beside: false },
  },
  begin: (world, { calls, everyUs, beside }, label) => {
    const owner = loggedIn(world, anyUser(world), PLAIN)
    const thief = outsider(world, label, 'hosting', 'curl/8.11.0')
    thief.borrowed = true
    const operations = shopReads(world)
    const owning = withToken(owner, reads(owner, operations, { calls: beside ? calls : 5, everyUs }))
    const stealing = (function* (): Script {
      thief.authorization = owner.authorization
      yield* reads(thief, operations, { calls, everyUs }, owner.actor)
    })()
    return [
      { caller: owner, script: owning, delayUs: 0 },
      { caller: thief, script: stealing, delayUs: 5 * SECOND_US },
    ]
  },
})

export const leakedKey = defineAttack<Calls & { readonly sources: number }>({
  name: 'auth.token_theft.key',
  detector: 'auth.token_theft',
  summary: "a partner's key is used from addresses the partner never had",
  intensities: {
    blatant: { calls: 200, everyUs: 0.5 * SECOND_US, sources: 5 },
    moderate: { calls: 60, everyUs: 5 * SECOND_US, sources: 2 },
    stealthy: { calls: 15, everyUs: 60 * SECOND_US, sources: 1 },
  },
  begin: (world, { calls, everyUs, sources }, label) => {
    const partner = world.random.pick(world.population.partners.filter(({ scheme }) => scheme === 'key'))
    const operations = world.estate.services.partners.operations.filter(
      ({ shape }) => shape === 'list' || shape === 'item',
    )
    return Array.from({ length: sources }, (): Part => {
      const thief = outsider(world, label, 'hosting', 'python-requests/2.31.0')
      thief.borrowed = true
      thief.apiKey = partner.secret
      return { caller: thief, script: reads(thief, operations, { calls, everyUs }, partner), delayUs: 0 }
    })
  },
})

export const forgedToken = defineAttack<Calls & { readonly granted: number; readonly kind: 'none' | 'expired' }>({
  name: 'auth.token_forged',
  detector: 'auth.token_forged',
  summary: 'tokens without a signature, or long expired, are tried; some services take them',
  intensities: {
    blatant: { calls: 60, everyUs: SECOND_US, granted: 0.5, kind: 'none' },
    moderate: { calls: 12, everyUs: 10 * SECOND_US, granted: 0.5, kind: 'none' },
    stealthy: { calls: 3, everyUs: 60 * SECOND_US, granted: 1, kind: 'expired' },
  },
  begin: (world, { calls, everyUs, granted, kind }, label) => {
    const forger = outsider(world, label)
    forger.borrowed = true
    const operations = shopReads(world)
    return alone(
      forger,
      (function* (): Script {
        for (let i = 0; i < calls; i++) {
          const then = forger.now - (kind === 'expired' ? 400 * 24 * HOUR_US : 0)
          const user = anyUser(world)
          const token = jwtOf(world, user, then, {}, kind === 'none' ? { alg: 'none' } : {})
          forger.authorization = `Bearer ${kind === 'none' ? token.slice(0, token.lastIndexOf('.') + 1) : token}`
          const operation = forger.random.pick(operations)
          const objects = operation.resources.map((each) => forger.reachable(each, user))
          forger.call(operation, forger.random.chance(granted) ? { objects } : { objects, status: 401 })
          yield jitter(forger, everyUs)
        }
      })(),
    )
  },
})

export const missingAuthentication = defineAttack<Calls>({
  name: 'auth.missing',
  detector: 'auth.missing',
  summary: 'an endpoint that used to ask for a token answers without one',
  intensities: {
    blatant: { calls: 200, everyUs: SECOND_US },
    moderate: { calls: 30, everyUs: 20 * SECOND_US },
    stealthy: { calls: 3, everyUs: 5 * MINUTE_US },
  },
  begin: (world, calls, label) => {
    const caller = outsider(world, label)
    return alone(caller, reads(caller, [ownRead(world)], calls))
  },
})

export const tokenInQuery = defineAttack<Calls>({
  name: 'auth.token_hygiene',
  detector: 'auth.token_hygiene',
  summary: 'a client puts its token into the query, where every log keeps it',
  intensities: {
    blatant: { calls: 100, everyUs: SECOND_US },
    moderate: { calls: 20, everyUs: 10 * SECOND_US },
    stealthy: { calls: 3, everyUs: 60 * SECOND_US },
  },
  begin: (world, { calls, everyUs }, label) => {
    const caller = insider(world, label)
    const operation = ownRead(world)
    return alone(
      caller,
      (function* (): Script {
        const token = jwtOf(world, caller.actor, caller.now)
        for (let i = 0; i < calls; i++) {
          const objects = operation.resources.map((each) => caller.reachable(each))
          caller.call(operation, { query: `page=1&access_token=${token}`, objects, authorization: null })
          yield jitter(caller, everyUs)
        }
      })(),
    )
  },
})

/** Twin of theft: the owner, somewhere else, after logging in there. */
export const travelling = defineAttack<Calls>({
  name: 'twin.travelling_user',
  detector: null,
  summary: 'somebody flies to another country, logs in there with the same phone, and changes networks all day',
  intensities: {
    blatant: { calls: 120, everyUs: 5 * SECOND_US },
    moderate: { calls: 60, everyUs: 20 * SECOND_US },
    stealthy: { calls: 20, everyUs: 60 * SECOND_US },
  },
  begin: (world, { calls, everyUs }, label) => {
    const caller = insider(world, label)
    const operations = shopReads(world)
    return alone(
      caller,
      (function* (): Script {
        yield* withToken(caller, reads(caller, operations, { calls: calls / 2, everyUs }))
        yield 3 * HOUR_US
        caller.refresh = null
        for (let leg = 0; leg < 5; leg++) {
          caller.moveTo({ kind: 'mobile', number: 100 + caller.random.between(0, 20) })
          yield* appLogin(caller)
          yield* reads(caller, operations, { calls: calls / 10, everyUs })
        }
      })(),
    )
  },
})

/** Trap: a partner whose key ran out, and whose jobs go on. */
export const expiredPartner = defineAttack<Calls>({
  name: 'twin.expired_partner_key',
  detector: null,
  summary: "a partner's key ended: every job of theirs is refused, at its usual pace",
  intensities: {
    blatant: { calls: 800, everyUs: SECOND_US },
    moderate: { calls: 300, everyUs: 5 * SECOND_US },
    stealthy: { calls: 60, everyUs: 60 * SECOND_US },
  },
  begin: (world, { calls, everyUs }, label) => {
    const partner = world.random.pick(world.population.partners.filter(({ scheme }) => scheme === 'key'))
    const caller = loggedIn(world, partner, label)
    caller.apiKey = partner.secret
    const { operations } = world.estate.services.partners
    return alone(
      caller,
      (function* (): Script {
        for (let i = 0; i < calls; i++) {
          const operation = caller.random.pick(operations)
          caller.call(operation, { objects: operation.resources.map((each) => caller.reachable(each)), status: 401 })
          yield jitter(caller, everyUs)
        }
      })(),
    )
  },
})

/** Trap: a client that calls with what has expired until it is told, each half hour. */
export const refreshLoop = defineAttack<{ readonly people: number }>({
  name: 'twin.refresh_loop',
  detector: null,
  summary: 'tokens of hundreds of apps end at once: each is refused a few times, then renews',
  intensities: { blatant: { people: 1500 }, moderate: { people: 400 }, stealthy: { people: 80 } },
  begin: (world, { people }, label) => {
    const operations = shopReads(world)
    return Array.from({ length: people }, (): Part => {
      const caller = insider(world, label)
      const script = (function* (): Script {
        grant(caller)
        for (let i = 0; i < 4; i++) {
          // Of the caller's own: where a release leaves the doors open just then, nobody is given what is another's.
          const operation = caller.random.pick(operations)
          caller.call(operation, { objects: operation.resources.map((each) => caller.reachable(each)), status: 401 })
          yield jitter(caller, 0.4 * SECOND_US)
        }
        yield* withToken(caller, reads(caller, operations, { calls: 4, everyUs: 2 * SECOND_US }))
      })()
      return { caller, script, delayUs: world.random.next() * MINUTE_US }
    })
  },
})
