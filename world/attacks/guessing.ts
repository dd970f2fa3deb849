import { stringify } from 'node:querystring'
import { MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { type Caller, FORM_TYPE, type Label } from '../caller.ts'
import { operationOf } from '../estate/estate.ts'
import type { Actor } from '../people.ts'
import { mistyped } from '../visits/login.ts'
import type { Script } from '../visits/script.ts'
import type { World } from '../world.ts'
import { defineAttack, type Part } from './attack.ts'
import { alone, anyUser, type Disguise, disguised, outsider } from './crew.ts'

/** Guessing what opens an account. Each guess holds the mark of secrets, so that none may come out of a program either. */

interface Tries {
  readonly tries: number
  readonly everyUs: number
}

interface Disguised extends Tries {
  readonly as: Disguise
}

/** One try: at the API's login, or at the form of the web front. */
function attempt(caller: Caller, email: string, password: string, right: boolean, form = false): void {
  const { world } = caller
  if (form) {
    const status = right ? 303 : 401
    const body = stringify({ email, password })
    const more = right ? { answer: '', responseHeaders: [['Location', '/account']] as const } : {}
    const login = operationOf(world.estate.services.web, 'POST /login')
    caller.call(login, { body, status, contentType: FORM_TYPE, authorization: null, ...more })
    return
  }
  const login = operationOf(world.estate.services.identity, 'POST /v1/login')
  const token = world.secrets.key(caller.random, 'st')
  caller.call(login, {
    body: JSON.stringify({ email, password }),
    authorization: null,
    status: right ? 200 : 401,
    ...(right ? { answer: JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 1800 }) } : {}),
  })
}

function guess(caller: Caller): string {
  return caller.world.secrets.password(caller.random, COMMON)
}

/** Of the attacks: how many go to the form. */
const FORM = 0.3

const COMMON = 'password qwerty letmein dragon summer autumn welcome monkey football princess'.split(' ')

export const bruteForce = defineAttack<Disguised>({
  name: 'auth.bruteforce',
  detector: 'auth.bruteforce',
  summary: 'many passwords for one account, from one address',
  intensities: {
    blatant: { tries: 240, everyUs: 0.6 * SECOND_US, as: 'script' },
    moderate: { tries: 90, everyUs: 9 * SECOND_US, as: 'browser' },
    stealthy: { tries: 36, everyUs: 4 * MINUTE_US, as: 'users' },
  },
  begin: (world, { tries, everyUs, as }, label) => {
    const caller = outsider(world, label, 'hosting', disguised(world, as)())
    const form = world.random.chance(FORM)
    return alone(
      caller,
      (function* (): Script {
        const { email } = anyUser(world)
        for (let i = 0; i < tries; i++) {
          attempt(caller, email, guess(caller), false, form)
          yield jitter(caller, everyUs)
        }
      })(),
    )
  },
})

interface Stuffing extends Disguised {
  readonly sources: number
  readonly overUs: number
  /** Of the pairs tried, how many are right. */
  readonly hits: number
}

function stuff(world: World, caller: Caller, { tries, everyUs, hits }: Stuffing, form: boolean): Script {
  return (function* (): Script {
    for (let i = 0; i < tries; i++) {
      const user = anyUser(world)
      const right = caller.random.chance(hits)
      attempt(
        caller,
        user.email,
        right ? user.password : `${guess(caller)}${caller.random.between(1000, 9999)}`,
        right,
        form,
      )
      yield jitter(caller, everyUs)
    }
  })()
}

export const stuffing = defineAttack<Stuffing>({
  name: 'auth.stuffing',
  detector: 'auth.stuffing',
  summary: 'leaked pairs of account and password, one try each, from one address',
  grip: 'crowd',
  intensities: {
    blatant: { tries: 600, everyUs: 0.3 * SECOND_US, sources: 1, overUs: 0, hits: 0.01, as: 'script' },
    moderate: { tries: 200, everyUs: 4 * SECOND_US, sources: 1, overUs: 0, hits: 0.01, as: 'browser' },
    stealthy: { tries: 60, everyUs: 90 * SECOND_US, sources: 1, overUs: 0, hits: 0.02, as: 'users' },
  },
  begin: (world, stuffing_, label) => {
    const caller = outsider(world, label, 'hosting', disguised(world, stuffing_.as)())
    return alone(caller, stuff(world, caller, stuffing_, world.random.chance(FORM)))
  },
})

export const crowdStuffing = defineAttack<Stuffing>({
  name: 'auth.stuffing.crowd',
  detector: 'auth.stuffing',
  summary: 'leaked pairs of account and password from thousands of addresses, three tries each',
  grip: 'crowd',
  intensities: {
    blatant: { tries: 3, everyUs: 20 * SECOND_US, sources: 3000, overUs: 60 * MINUTE_US, hits: 0.01, as: 'script' },
    moderate: { tries: 3, everyUs: 3 * MINUTE_US, sources: 1500, overUs: 180 * MINUTE_US, hits: 0.01, as: 'browser' },
    stealthy: { tries: 3, everyUs: 40 * MINUTE_US, sources: 300, overUs: 480 * MINUTE_US, hits: 0.015, as: 'users' },
  },
  begin: (world, stuffing_, label) => {
    const parts: Part[] = []
    const looks = disguised(world, stuffing_.as)
    const form = world.random.chance(FORM)
    for (let i = 0; i < stuffing_.sources; i++) {
      const caller = outsider(world, label, i % 3 === 0 ? 'mobile' : 'home', looks())
      parts.push({
        caller,
        script: stuff(world, caller, stuffing_, form),
        delayUs: world.random.next() * stuffing_.overUs,
      })
    }
    return parts
  },
})

interface Spray extends Disguised {
  readonly passwords: number
  readonly sources: number
}

function sprayed(world: World, { tries, everyUs, passwords, sources, as }: Spray, label: Label): readonly Part[] {
  const looks = disguised(world, as)
  const form = world.random.chance(FORM)
  const words = Array.from({ length: passwords }, () => world.secrets.password(world.random, COMMON))
  return Array.from({ length: sources }, (_, source): Part => {
    const caller = outsider(world, label, sources === 1 ? 'hosting' : 'home', looks())
    const script = (function* (): Script {
      for (const password of words) {
        for (let i = source; i < tries; i += sources) {
          attempt(caller, anyUser(world).email, password, false, form)
          yield jitter(caller, everyUs * sources)
        }
      }
    })()
    return { caller, script, delayUs: source * everyUs }
  })
}

export const spray = defineAttack<Spray>({
  name: 'auth.spray',
  detector: 'auth.spray',
  summary: 'one common password over many accounts, then the next one',
  grip: 'crowd',
  intensities: {
    blatant: { tries: 300, everyUs: 0.5 * SECOND_US, passwords: 2, sources: 1, as: 'script' },
    moderate: { tries: 150, everyUs: 6 * SECOND_US, passwords: 1, sources: 1, as: 'browser' },
    stealthy: { tries: 60, everyUs: 3 * MINUTE_US, passwords: 1, sources: 1, as: 'users' },
  },
  begin: sprayed,
})

export const crowdSpray = defineAttack<Spray>({
  name: 'auth.spray.crowd',
  detector: 'auth.spray',
  summary: 'one common password over many accounts, from many addresses',
  grip: 'crowd',
  intensities: {
    blatant: { tries: 2000, everyUs: 0.5 * SECOND_US, passwords: 2, sources: 500, as: 'script' },
    moderate: { tries: 600, everyUs: 6 * SECOND_US, passwords: 1, sources: 200, as: 'browser' },
    stealthy: { tries: 200, everyUs: 2 * MINUTE_US, passwords: 1, sources: 100, as: 'users' },
  },
  begin: sprayed,
})

export const oneTimeCodes = defineAttack<Tries>({
  name: 'auth.otp',
  detector: 'auth.otp',
  summary: 'codes of six digits tried at the second factor of one account',
  intensities: {
    blatant: { tries: 400, everyUs: 0.2 * SECOND_US },
    moderate: { tries: 120, everyUs: 3 * SECOND_US },
    stealthy: { tries: 40, everyUs: 60 * SECOND_US },
  },
  begin: (world, { tries, everyUs }, label) => {
    const caller = outsider(world, label)
    const verify = operationOf(world.estate.services.identity, 'POST /v1/mfa/verify')
    return alone(
      caller,
      (function* (): Script {
        const { email } = anyUser(world)
        for (let i = 0; i < tries; i++) {
          const code = String(caller.random.between(100_000, 999_999))
          caller.call(verify, { body: JSON.stringify({ email, code }), status: 401, authorization: null })
          yield jitter(caller, everyUs)
        }
      })(),
    )
  },
})

/** Twin of brute force: the owner, who tries the few passwords they use, then asks for a new one. */
export const forgottenPassword = defineAttack<Tries>({
  name: 'twin.forgotten_password',
  detector: null,
  summary: 'an owner tries the passwords they use elsewhere, again and again, and then asks for a new one',
  intensities: {
    blatant: { tries: 14, everyUs: 5 * SECOND_US },
    moderate: { tries: 9, everyUs: 10 * SECOND_US },
    stealthy: { tries: 5, everyUs: 25 * SECOND_US },
  },
  begin: (world, { tries, everyUs }, label) => {
    const user: Actor = anyUser(world)
    const caller = outsider(world, label, user.places[0]!.kind)
    const usual = Array.from({ length: 4 }, (_, slip) => mistyped(user.password, slip + 1))
    return alone(
      caller,
      (function* (): Script {
        for (let i = 0; i < tries; i++) {
          attempt(caller, user.email, caller.random.pick(usual), false)
          yield jitter(caller, everyUs)
        }
        const forgot = operationOf(world.estate.services.identity, 'POST /v1/password/forgot')
        caller.call(forgot, { body: JSON.stringify({ email: user.email }), authorization: null })
        yield 3 * MINUTE_US
        attempt(caller, user.email, world.secrets.password(caller.random, COMMON), true)
      })(),
    )
  },
})

/** Twin of stuffing: many people behind one address on a Monday morning, some of whom mistype. */
export const officeMorning = defineAttack<{ readonly people: number; readonly overUs: number }>({
  name: 'twin.office_morning',
  detector: null,
  summary: 'an office arrives: hundreds log in from one address, one in five mistypes first',
  intensities: {
    blatant: { people: 400, overUs: 5 * MINUTE_US },
    moderate: { people: 250, overUs: 15 * MINUTE_US },
    stealthy: { people: 120, overUs: 40 * MINUTE_US },
  },
  begin: (world, { people, overUs }, label) => {
    const office = { kind: 'office', number: 90 + (world.nextSerial() % 30) } as const
    return Array.from({ length: people }, () => {
      const user = anyUser(world)
      const caller = outsider(world, label, 'office', user.userAgent)
      caller.moveTo(office)
      const script = (function* (): Script {
        if (caller.random.chance(0.2)) {
          attempt(caller, user.email, mistyped(user.password, 2), false)
          yield 6 * SECOND_US
        }
        attempt(caller, user.email, user.password, true)
      })()
      return { caller, script, delayUs: world.random.next() * overUs }
    })
  },
})

/** Twin of brute force: a machine whose secret was changed and that goes on as if nothing had happened. */
export const rotatedSecret = defineAttack<Tries>({
  name: 'twin.rotated_secret',
  detector: null,
  summary: 'a job goes on with a password that was changed: the same one, every time, at a constant interval',
  intensities: {
    blatant: { tries: 600, everyUs: SECOND_US },
    moderate: { tries: 200, everyUs: 10 * SECOND_US },
    stealthy: { tries: 60, everyUs: 60 * SECOND_US },
  },
  begin: (world, { tries, everyUs }, label) => {
    const caller = outsider(world, label, 'hosting', 'nightly-job/1.4')
    const secret = guess(caller)
    return alone(
      caller,
      (function* (): Script {
        const login = operationOf(world.estate.services.web, 'POST /login')
        for (let i = 0; i < tries; i++) {
          const body = stringify({ email: 'job@jobs.example', password: secret })
          caller.call(login, { body, contentType: FORM_TYPE, status: 401, authorization: null })
          yield everyUs
        }
      })(),
    )
  },
})

export function jitter({ random }: Caller, everyUs: number): number {
  return Math.round(everyUs * (0.6 + 0.8 * random.next()))
}
