import type { Principal, PrincipalKind } from '../model/transaction.ts'

/** What a Resolver knows that outlives the process, one value at a time. No raw secret is in it, and no password. */
export type KnownLine =
  | readonly ['account', id: string, used: boolean, person: Principal | null]
  | readonly ['user', id: string, person: Principal]
  | readonly ['consumer', proof: string, first: Principal, keys: readonly string[]]
  | readonly ['session', proof: string, account: string]
  | readonly ['owned', proof: string, owner: Principal]
  | readonly ['shared', address: Principal, until: number, people: readonly (readonly [id: string, time: number])[]]

const KINDS: readonly PrincipalKind[] = ['user', 'session', 'api_key', 'consumer', 'device', 'ip']
const MOST_PEOPLE = 16

/** Throws when it is none. */
export function readKnownLine(line: unknown): KnownLine {
  if (!Array.isArray(line)) throw new TypeError('a value is a list')
  const [kind, first, second, third] = line as readonly unknown[]
  switch (kind) {
    case 'account':
      return ['account', textOf(first), second === true, third === null ? null : principalOf(third)]
    case 'user':
      return ['user', textOf(first), principalOf(second)]
    case 'consumer':
      return ['consumer', textOf(first), principalOf(second), listOf(third).map(textOf)]
    case 'session':
      return ['session', textOf(first), textOf(second)]
    case 'owned':
      return ['owned', textOf(first), principalOf(second)]
    case 'shared':
      return ['shared', principalOf(first), numberOf(second), listOf(third).map(personOf)]
    default:
      throw new TypeError('there is no such value of callers')
  }
}

function personOf(value: unknown): readonly [id: string, time: number] {
  const [id, time] = listOf(value)
  return [textOf(id), numberOf(time)]
}

function principalOf(value: unknown): Principal {
  if (typeof value !== 'object' || value === null) throw new TypeError('a caller is an object')
  const { kind, id, display, via } = value as Readonly<Record<string, unknown>>
  const known = KINDS.find((each) => each === kind)
  if (known === undefined) throw new TypeError('there is no such kind of caller')
  return { kind: known, id: textOf(id), display: textOf(display), via: textOf(via), app: null }
}

function textOf(value: unknown): string {
  if (typeof value !== 'string' || value.length > 512) throw new TypeError('a name is a text')
  return value
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new TypeError('a time is a number')
  return value
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value) || value.length > MOST_PEOPLE) throw new TypeError('a list is short')
  return value
}
