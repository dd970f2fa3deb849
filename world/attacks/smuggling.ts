import { MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { operationOf } from '../estate/estate.ts'
import type { Script } from '../visits/script.ts'
import { defineAttack, type Part } from './attack.ts'
import { alone, insider, outsider, withToken } from './crew.ts'
import { jitter } from './guessing.ts'

/** Requests whose end two servers see in different places (RFC 9112 §11.2), and what becomes of those who come after them. */

interface Calls {
  readonly calls: number
  readonly everyUs: number
}

const HIDDEN = '0\r\n\r\nGET /internal/customers HTTP/1.1\r\nX-Ignore: '
const WAYS = [
  ['Transfer-Encoding', 'chunked'],
  ['Transfer-Encoding', 'xchunked'],
  ['Transfer-Encoding', ' chunked'],
  ['Transfer-encoding', 'identity, chunked'],
] as const

export const twoFramings = defineAttack<Calls>({
  name: 'smuggling.framing',
  detector: 'smuggling.framing',
  summary: 'requests with a length and chunks at once, so that a second request hides in the first',
  intensities: {
    blatant: { calls: 40, everyUs: SECOND_US },
    moderate: { calls: 10, everyUs: 20 * SECOND_US },
    stealthy: { calls: 2, everyUs: 5 * MINUTE_US },
  },
  begin: (world, { calls, everyUs }, label) => {
    const caller = outsider(world, label)
    const { web } = world.estate.services
    return alone(
      caller,
      (function* (): Script {
        for (let i = 0; i < calls; i++) {
          const requestHeaders = [caller.random.pick(WAYS)]
          caller.stray(web, 'POST', '/', 400, { body: HIDDEN, requestHeaders, answer: '' })
          yield jitter(caller, everyUs)
        }
      })(),
    )
  },
})

export const othersAnswers = defineAttack<Calls & { readonly victims: number }>({
  name: 'smuggling.desync',
  detector: 'smuggling.desync',
  summary: 'after a hidden request each caller on the connection is given the answer to another one’s',
  intensities: {
    blatant: { calls: 6, everyUs: SECOND_US, victims: 40 },
    moderate: { calls: 3, everyUs: 3 * SECOND_US, victims: 10 },
    stealthy: { calls: 1, everyUs: 5 * SECOND_US, victims: 2 },
  },
  begin: (world, { calls, everyUs, victims }, label) => {
    const { web } = world.estate.services
    const attacker = outsider(world, label)
    const hides = (function* (): Script {
      for (let i = 0; i < calls; i++) {
        attacker.stray(web, 'POST', '/', 200, { body: HIDDEN, requestHeaders: [WAYS[0]], answer: '{"status":"ok"}' })
        yield jitter(attacker, everyUs)
      }
    })()
    const asked = operationOf(web, 'GET /account/orders/{order}')
    const parts = Array.from({ length: victims }, (_, i): Part => {
      const caller = insider(world, label)
      const script = (function* (): Script {
        // What the one before asked for.
        const answer = `{"id":${9000 + i},"customer_id":"${i}","email":"customer${i}@mail.example"}`
        for (let call = 0; call < 3; call++) {
          const right = call === 0
          caller.call(asked, { objects: [caller.reachable(asked.resources[0]!)], ...(right ? {} : { answer }) })
          yield jitter(caller, everyUs)
        }
      })()
      return { caller, script: withToken(caller, script), delayUs: i * everyUs }
    })
    return [{ caller: attacker, script: hides, delayUs: 0 }, ...parts]
  },
})
