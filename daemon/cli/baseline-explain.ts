import { KeyedEntry } from '../../analyzers/baselines/keyed-table.ts'
import { LoginEndpoint, LoginEndpointState } from '../../analyzers/detectors/auth-bruteforce/login-endpoint.ts'
import {
  EndpointPopulation,
  PopulationState,
} from '../../analyzers/detectors/object-enumeration/endpoint-population.ts'
import { Service, ServiceState } from '../../analyzers/detectors/scan-probing/service.ts'

/** What one baseline says is usual. */
export interface Explained {
  readonly detector: string
  /** Endpoint with its service, or the service. */
  readonly of: string
  /** 0..1: how ready it is. */
  readonly maturity: number
  /** Callers' votes it rests on. */
  readonly votes: number
  readonly usual: string
}

/** What is drawn of a population that is as old as its votes: the number itself is an option of the detector. */
const MATURE_VOTES = 20
const NO_LIMITS = { maxMissingPaths: 16, brokenCallers: 10, brokenShare: 0.02 }

/** The baselines in the lines of a snapshot whose name holds `wanted`, by detector and name. */
export function explain(lines: readonly string[], wanted: string): Explained[] {
  const found: Explained[] = []
  let detector = ''
  for (const line of lines) {
    if (line.startsWith('{')) {
      detector = (JSON.parse(line) as { part?: string }).part ?? ''
      continue
    }
    const read = READERS[detector]
    if (read === undefined || !line.startsWith(read.tag)) continue
    const entry = KeyedEntry.parse((JSON.parse(line) as unknown[])[1])
    if (entry[1].includes(wanted)) found.push({ detector, of: entry[1], ...read.say(entry[4]) })
  }
  return found.sort((a, b) => (a.detector + a.of < b.detector + b.of ? -1 : 1))
}

const READERS: Readonly<
  Record<string, { readonly tag: string; say(state: unknown): Omit<Explained, 'detector' | 'of'> }>
> = {
  'auth.bruteforce': {
    tag: '["endpoint",',
    say(state) {
      const { failures, maturity, usualText } = LoginEndpoint.fromState(LoginEndpointState.parse(state))
      const usual = `${share(failures.mean)} of guesses are wrong; ${usualText} wrong ones before the right one`
      return { maturity, votes: failures.voters, usual }
    },
  },
  'object.enumeration': {
    tag: '["endpoint",',
    say(state) {
      // What is usual there does not depend on its name.
      const population = EndpointPopulation.fromState('', PopulationState.parse(state), MATURE_VOTES)
      const { everyone, refusals, foreign, maturity } = population
      const { median, high } = everyone.short.usual
      const usual = `${Math.round(median)} objects in a short window, ${Math.round(high)} of nine in ten callers; ${share(refusals.mean)} refused, ${share(foreign.mean)} of others`
      return { maturity, votes: everyone.short.voters, usual }
    },
  },
  'scan.probing': {
    tag: '["service",',
    say(state) {
      const service = Service.fromState(ServiceState.parse(state), NO_LIMITS)
      const [anonymous, signedIn] = [service.usual(false), service.usual(true)]
      const usual = `${share(anonymous.mean)} of requests miss, ${share(signedIn.mean)} of callers who are signed in`
      return { maturity: service.maturity, votes: anonymous.voters + signedIn.voters, usual }
    },
  },
}

function share(rate: number): string {
  return `${(rate * 100).toPrecision(2)} %`
}
