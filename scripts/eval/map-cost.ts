import { ENDPOINT_DEFAULTS, EndpointMapper } from '../../daemon/endpoints/mapper.ts'
import type { Exchange as ParsedExchange } from '../../daemon/http/exchange.ts'
import { DEFAULT_HTTP_LIMITS } from '../../daemon/http/limits.ts'
import { HttpStage } from '../../daemon/http/stage.ts'
import { CallerReader } from '../../daemon/identity/caller-reader.ts'
import { SecretHasher } from '../../daemon/identity/login-attempt.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { Pseudonyms } from '../../daemon/identity/pseudonym.ts'
import { IDENTITY_DEFAULTS, Recorder } from '../../daemon/identity/recorder.ts'
import { RESOLVER_DEFAULTS, Resolver } from '../../daemon/identity/resolver.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import type { FlowInfo } from '../../daemon/reassembly/stream.ts'
import { Counters, type Telemetry } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import type { Exchange } from '../../world/exchange.ts'
import { requestBytes, responseBytes } from '../../world/output/http-text.ts'

const PASSES = 27
/** Passes before those that count: code is compiled, callers and templates become known. */
const WARM_UP = 3
const CALM = 0.25

export interface MapCost {
  /** Reading who a request says it is from, then telling principal and endpoint: CPU per transaction, of calm passes. */
  readonly microseconds: number
  /** The same by the median of all passes, which on a busy machine says how busy it was. */
  readonly medianMicroseconds: number
  /** The first with everything else that makes a record of an exchange: target, sizes, states, redaction of the path. */
  readonly withRecordMicroseconds: number
}

/**
 * Parses exchanges once, then times what comes after the parser. Templates and callers are known from a first pass, as they are all but
 * the first minutes of a daemon's life; credentials are read anew in every pass. No record is kept: a
 * heap full of them would be moved about at the cost of what is measured. Passes follow one another as they come, what collecting
 * garbage takes included: a full collection forced before each would throw compiled code away that no daemon is without.
 *
 * Programs beside this one take its caches, never give any: a pass that had them to itself tells the cost. So each of the three
 * times is the one that a quarter of its passes did not reach; the least of all would be luck.
 */
export function mapCost(exchanges: readonly Exchange[]): MapCost {
  const parsed = parse(exchanges)
  const telemetry = newTelemetry()
  const resolver = new Resolver(RESOLVER_DEFAULTS, telemetry)
  const mapper = new EndpointMapper(ENDPOINT_DEFAULTS, telemetry)
  const times: { readonly bare: number; readonly told: number; readonly read: number }[] = []
  const nothing = () => {}
  const tell = (transaction: Transaction) => {
    resolver.resolve(transaction)
    mapper.map(transaction)
  }
  for (let pass = 0; pass < PASSES; pass++) {
    const bare = recording(parsed, telemetry, nothing)
    const told = recording(parsed, telemetry, tell)
    const read = reading(parsed)
    if (pass >= WARM_UP) times.push({ bare, told, read })
  }
  const at = (share: number, of: (time: (typeof times)[number]) => number) => quantile(times.map(of), share)
  const calm = at(CALM, ({ told }) => told)
  return {
    microseconds: (calm - at(CALM, ({ bare }) => bare) + at(CALM, ({ read }) => read)) / parsed.length,
    medianMicroseconds: at(0.5, ({ bare, told, read }) => told - bare + read) / parsed.length,
    withRecordMicroseconds: calm / parsed.length,
  }
}

/** CPU time of making a record of each exchange, which goes to `emit` and is let go, as in the daemon. */
function recording(
  parsed: readonly ParsedExchange[],
  telemetry: Telemetry,
  emit: (transaction: Transaction) => void,
): number {
  const recorder = new Recorder({ key: TEST_KEY, options: IDENTITY_DEFAULTS, bodies: true, telemetry, emit })
  const start = cpu()
  for (const exchange of parsed) recorder.exchange(exchange)
  const spent = cpu() - start
  recorder.close()
  return spent
}

/** CPU time of reading who each request says it is from, as the recorder does. */
function reading(parsed: readonly ParsedExchange[]): number {
  const pseudonyms = new Pseudonyms(TEST_KEY)
  const callers = new CallerReader(pseudonyms, new SecretHasher(), IDENTITY_DEFAULTS)
  const start = cpu()
  for (const { request } of parsed) {
    const { head } = request!
    callers.read(head, '', [], callers.recall(head))
  }
  const spent = cpu() - start
  callers.close()
  pseudonyms.close()
  return spent
}

/** CPU time of this process, in microseconds. */
function cpu(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

function parse(exchanges: readonly Exchange[]): ParsedExchange[] {
  const parsed: ParsedExchange[] = []
  const limits = DEFAULT_HTTP_LIMITS
  const sink = (exchange: ParsedExchange) => void parsed.push(exchange)
  const stage = new HttpStage({ limits, bodies: true, telemetry: newTelemetry(), sink })
  const flows = new Map<string, ReturnType<typeof stage.open>>()
  const positions = new Map<string, [number, number]>()
  for (const exchange of exchanges) {
    const { peer, peerPort, server, serverPort, startUs, endUs } = exchange
    const key = `${peer} ${peerPort} ${server}`
    let flow = flows.get(key)
    if (flow === undefined) {
      const info: FlowInfo = {
        address: [peer, server],
        port: [peerPort, serverPort],
        vlan: null,
        vni: null,
        source: { kind: 'file', name: 'world' },
        fromStart: true,
        time: startUs,
        shard: 0,
        key,
      }
      flow = stage.open(info, startUs)
      flows.set(key, flow)
      positions.set(key, [0, 0])
    }
    const at = positions.get(key)!
    const request = requestBytes(exchange)
    const response = responseBytes(exchange)
    flow.data(0, request, 0, request.length, at[0], at[1], startUs, startUs)
    flow.data(1, response, 0, response.length, at[1], at[0] + request.length, endUs, endUs)
    at[0] += request.length
    at[1] += response.length
  }
  return parsed
}

function newTelemetry(): Telemetry {
  return { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * share)]!
}
