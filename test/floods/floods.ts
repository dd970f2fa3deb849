import { CALLER_FLOODS } from './caller-floods.ts'
import { exchanges, type Flood, type FloodStep, hex, plain, withBody } from './flood.ts'
import { HTTP_FLOODS } from './http-floods.ts'
import { PACKET_FLOODS } from './packet-floods.ts'

const ALONE: readonly Flood[] = [...PACKET_FLOODS, ...HTTP_FLOODS, ...CALLER_FLOODS]

/** What fills a buffer each: together they must fit the one budget as well. */
const TOGETHER = [
  'half-open',
  'half-a-body-each',
  'out-of-order',
  'fragments',
  'pending-requests',
  'distinct-everything',
]

/** One unit of each in turn. */
const EVERYTHING: Flood = plain(
  'everything',
  600_000,
  (random) => {
    const steps: FloodStep[] = ALONE.filter(({ name }) => TOGETHER.includes(name)).map((flood) => flood.start(random))
    return (wire, i) => steps[i % steps.length]!(wire, Math.floor(i / steps.length))
  },
  50,
)

export const FLOODS: readonly Flood[] = [...ALONE, EVERYTHING]

/** Traffic without malice, to compare costs with. */
export const BENIGN: Flood = plain(
  'benign',
  60_000,
  exchanges((random, i) => {
    const head = `Host: api.test\r\nAuthorization: Bearer token-of-${i % 500}\r\nUser-Agent: client/1.0\r\n\r\n`
    const body = Buffer.from(`{"id":${i % 5000},"note":"${hex(random, 40)}"}`)
    return [
      Buffer.from(`GET /v1/orders/${i % 5000} HTTP/1.1\r\n${head}`),
      withBody('HTTP/1.1 200 OK', 'application/json', body),
    ]
  }),
)
