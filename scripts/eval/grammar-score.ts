import { ENDPOINT_DEFAULTS, EndpointMapper } from '../../daemon/endpoints/mapper.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { Random } from '../../demo/random.ts'
import { GrammarCalls, type GrammarOperation } from './path-grammar.ts'
import { plain, Templates } from './templates.ts'

/** Of a hundred calls: refused or failed ones, which say little. */
const MISSING = 0.06
const REFUSED = 0.03
const FAILED = 0.02
const CALLERS = 300

export interface GrammarRun {
  readonly seed: string
  readonly requests: number
  /** Learning time that is not judged. */
  readonly warmUp: number
}

/** Calls an API at random, and judges the template each call is put into. */
export function grammarScore(
  operations: readonly GrammarOperation[],
  { seed, requests, warmUp }: GrammarRun,
): Templates {
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const mapper = new EndpointMapper(ENDPOINT_DEFAULTS, telemetry)
  const calls = new GrammarCalls(operations, seed)
  const random = new Random(`${seed}/answers`)
  const templates = new Templates()
  for (let i = 0; i < requests; i++) {
    const { operation, path, listed, answer } = calls.next()
    const draw = random.next()
    const status =
      draw < MISSING ? 404 : draw < MISSING + REFUSED ? 403 : draw < MISSING + REFUSED + FAILED ? 500 : null
    const tx = {
      host: 'api.test',
      scheme: 'http',
      method: operation.method,
      path,
      status: status ?? operation.status,
      principal: { id: `caller-${random.between(1, CALLERS)}` },
      requestBodyBytes: 0,
      responseBody: status === null ? answer : '',
      endpoint: null as string | null,
    }
    mapper.map(tx as unknown as Transaction)
    if (i < warmUp) continue
    const real = `${operation.method} ${operation.template}`
    const isListed = tx.endpoint !== null && plain(tx.endpoint) === `${operation.method} ${listed}`
    templates.add('api', real, isListed ? real : tx.endpoint)
  }
  return templates
}
