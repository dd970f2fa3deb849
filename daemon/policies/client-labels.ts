import type { CallerProfile } from '../callers/profile.ts'
import { type Labeller, NO_LABELS } from '../callers/profiles.ts'
import { ExpressionProblem } from '../yaml/cel-limits.ts'
import { compileTest, environmentOf } from './cel.ts'

/** `identity.labels`: callers of whom `when` is true. */
export interface ClientLabel {
  readonly name: string
  readonly when: string
}

/** What `client` is: name, CEL type, meaning. The documentation is made from it. */
export const CLIENT_FIELDS: readonly (readonly [path: string, type: string, meaning: string])[] = [
  ['client.kind', 'string', 'user, session, api_key, consumer, device or ip'],
  ['client.id', 'string', 'the address, or a pseudonym'],
  ['client.display', 'string', 'the name as people see it'],
  ['client.via', 'string', 'how it is known: jwt.sub, login, basic, cookie.sid, header.x-api-key, certificate, peer …'],
  [
    'client.role',
    'string',
    'what it seems to be: customer, staff, partner, service, export, crawler, monitor; else empty',
  ],
  ['client.claimed', 'list<string>', 'roles that its tokens name, at most 4'],
  ['client.networks', 'list<string>', 'where it comes from, `203.0.113.0/24`, at most 8'],
  [
    'client.asns',
    'list<int>',
    'numbers of the autonomous systems these are announced by, at most 4; empty without `identity.asn_database`',
  ],
  ['client.agents', 'list<string>', 'its programs without their versions, at most 4'],
  ['client.requests', 'int', 'so far'],
  ['client.shared', 'bool', 'an address that several people have'],
]

const ENVIRONMENT = environmentOf('client', CLIENT_FIELDS)

/** What is wrong with a condition, or null. */
export function labelFault(when: string): string | null {
  try {
    compileTest(ENVIRONMENT, when)
    return null
  } catch (error) {
    if (error instanceof ExpressionProblem) return error.message
    throw error
  }
}

/** A condition that fails on a caller is not true of it. */
export function compileLabels(labels: readonly ClientLabel[]): Labeller {
  if (labels.length === 0) return NO_LABELS
  const tests = labels.map(({ name, when }) => ({ name, holds: compileTest(ENVIRONMENT, when) }))
  return (profile) => {
    const variables = { client: viewOf(profile) }
    return tests.filter(({ holds }) => isTrue(holds, variables)).map(({ name }) => name)
  }
}

function isTrue(holds: (variables: Record<string, unknown>) => boolean, variables: Record<string, unknown>): boolean {
  try {
    return holds(variables)
  } catch {
    return false
  }
}

function viewOf({ principal, behaviour, claimed, requests }: CallerProfile): Record<string, unknown> {
  const { kind, id, display, via } = principal
  return {
    kind,
    id,
    display,
    via,
    role: behaviour.role ?? '',
    claimed: [...claimed.values],
    networks: [...behaviour.networks],
    asns: behaviour.asns.map(({ number }) => BigInt(number)),
    agents: [...behaviour.agents],
    requests: BigInt(requests),
    shared: behaviour.shared,
  }
}
