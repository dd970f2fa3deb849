import type { PathNodeState } from './path-node.ts'

/** Endpoint, service, answers, principals, grants, whether it only ever refused. */
export type CandidateState = [
  endpoint: string,
  service: string,
  answers: number,
  principals: string[],
  grants: number,
  refusedOnly: boolean,
]

/** One line of what is known of endpoints (EndpointMapper.snapshot). */
export type EndpointLine =
  | ['counts', looks: number, unadmitted: number]
  | ['values', part: number, slots: string]
  | ['service', name: string, unproven: number, refusedOnly: number, established: number]
  | ['place', service: string, path: string[], state: PathNodeState]
  | ['endpoint' | 'candidate', key: string, state: CandidateState]

/**
 * A line as it was kept; throws when it is none. By hand, since the mapper belongs to every replay, which starts without a library of
 * schemas.
 */
export function endpointLine(value: unknown): EndpointLine {
  if (!Array.isArray(value) || !isLine(value)) throw new TypeError('no line of what is known of endpoints')
  return value
}

const MAX_TEXT = 65_536
const MAX_CANDIDATE_PRINCIPALS = 16
const MAX_PATH = 256
const MAX_FORMS = 16
/** Of one place, so many names outlive the process. */
export const MAX_KEPT_NAMES = 4096

function isLine(line: unknown[]): line is EndpointLine {
  const [kind, name, ...rest] = line
  switch (kind) {
    case 'counts':
      return line.length === 3 && isCount(name) && isCount(rest[0])
    case 'values':
      return line.length === 3 && isCount(name) && isText(rest[0])
    case 'service':
      return line.length === 5 && isText(name) && rest.every(isCount)
    case 'place':
      return line.length === 4 && isText(name) && areTexts(rest[0], MAX_PATH) && isPlace(rest[1])
    case 'endpoint':
    case 'candidate':
      return line.length === 3 && isText(name) && isCandidate(rest[0])
    default:
      return false
  }
}

function isCandidate(state: unknown): boolean {
  if (!Array.isArray(state) || state.length !== 6) return false
  const [endpoint, service, answers, principals, grants, refusedOnly] = state
  return (
    isText(endpoint) &&
    isText(service) &&
    isCount(answers) &&
    areTexts(principals, MAX_CANDIDATE_PRINCIPALS) &&
    isCount(grants) &&
    typeof refusedOnly === 'boolean'
  )
}

function isPlace(state: unknown): boolean {
  if (!Array.isArray(state) || state.length < 6 || state.length > 7) return false
  const [keys, samples, endpoints, principals, learnt, joined, objects] = state
  return (
    areNames(keys) &&
    isCount(samples) &&
    areTexts(endpoints, MAX_KEPT_NAMES) &&
    areTexts(principals, 2) &&
    (learnt === null || areTexts(learnt, MAX_KEPT_NAMES)) &&
    (joined === null || areTexts(joined, MAX_KEPT_NAMES)) &&
    (objects === undefined || areObjects(objects))
  )
}

function areObjects(objects: unknown): boolean {
  if (!Array.isArray(objects) || objects.length !== 4) return false
  const [reads, timesRead, named, forms] = objects
  return (
    (reads === null || areNames(reads)) &&
    isCount(timesRead) &&
    typeof named === 'boolean' &&
    areTexts(forms, MAX_FORMS)
  )
}

function areNames(names: unknown): boolean {
  return Array.isArray(names) && names.length === 4 && names.every((word) => isCount(word) && word <= 0xffffffff)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function areTexts(value: unknown, most: number): value is string[] {
  return Array.isArray(value) && value.length <= most && value.every(isText)
}
