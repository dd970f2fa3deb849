import { escapeTerminal } from '../../../sinks/escape.ts'
import { parseAddress } from '../../decode/address.ts'
import { isCidr } from '../../decode/cidr-set.ts'
import type { Action, SelectorKind } from '../../model/action.ts'

/**
 * Placeholders of recipes: `{ip}` in a text of the recipe stands for a value that was checked against its type. The finished
 * text is encoded as a whole for the place it stands in (a path segment, a query value, a header, a JSON string), so that no
 * value can leave its place. A value that is not what its placeholder asks for stops the action.
 */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** `{$by_kind: {ip: Ip, cidr: Range}}`: the text for the kind of the target. */
export const BY_KIND = '$by_kind'

/** What placeholders stand for in one request. */
export interface Values {
  /** Null in a login. */
  readonly action: Action | null
  readonly operation: 'apply' | 'revert'
  readonly nowMs: number
  readonly params: Readonly<Record<string, string>>
  readonly secrets: Readonly<Record<string, string>>
  readonly token: string | null
}

/** A value that fails its type. */
export class TemplateFault extends Error {
  override readonly name = 'TemplateFault'
}

const PRINCIPALS: readonly SelectorKind[] = ['user', 'session', 'api_key', 'consumer']
const MAX_REASON = 300

/** What an action says of itself, by placeholder. */
const OF_ACTION: Readonly<Record<string, (action: Action, values: Values) => string | number | null>> = {
  ip: ({ target }) => (target.kind === 'ip' && parseAddress(target.value) !== null ? target.value : null),
  cidr: ({ target }) => (target.kind === 'cidr' && isCidr(target.value) ? target.value : null),
  address: ({ target }) =>
    (target.kind === 'ip' || target.kind === 'cidr') && isCidr(target.value) ? target.value : null,
  // A pseudonym means nothing outside: a receiver would act on nobody, or on somebody else of that name.
  principal: ({ target }) =>
    PRINCIPALS.includes(target.kind) && !target.value.startsWith('hmac:') ? plain(target.value) : null,
  target_kind: ({ target }) => target.kind,
  target_value: ({ target }) => plain(target.value),
  duration: (action, values) => `${secondsLeft(action, values.nowMs)}s`,
  duration_seconds: (action, values) => secondsLeft(action, values.nowMs),
  lease_until: ({ leaseUntilMs }) => (leaseUntilMs === null ? null : wholeSeconds(leaseUntilMs)),
  now: (_, { nowMs }) => wholeSeconds(nowMs),
  reason: ({ reason }) => escapeTerminal(reason.slice(0, MAX_REASON)),
  // Taking back is another request than applying, and must not be taken for a repeat of it.
  idempotency_key: ({ idempotencyKey }, { operation }) =>
    operation === 'apply' ? idempotencyKey : `${idempotencyKey}.revert`,
  action_id: ({ id }) => id,
  incident_id: ({ incidentId }) => incidentId,
  policy: ({ policy }) => policy,
  step: ({ step }) => step,
  operation: (_, { operation }) => operation,
}

const PLACEHOLDER = /\{([a-z_]+(?:\.[a-z][a-z0-9_-]*)?)\}/g

/** What is wrong with a text of a recipe, or null. `own`: names besides those of an action; `secrets`: may stand here. */
export function templateFault(text: string, own: readonly string[], action: boolean, secrets: boolean): string | null {
  for (const [, name] of text.matchAll(PLACEHOLDER)) {
    if (!own.includes(name!) && !(action && Object.hasOwn(OF_ACTION, name!))) return `unknown placeholder {${name}}`
    if (!secrets && name!.startsWith('secrets.')) return 'a secret stands in headers and bodies only'
  }
  return /[{}]/.test(text.replace(PLACEHOLDER, '')) ? 'a brace that belongs to no placeholder' : null
}

/** The finished text. */
export function fill(template: Json, values: Values): string {
  const filled = fillJson(template, values)
  if (typeof filled === 'string') return filled
  if (typeof filled === 'number') return String(filled)
  throw new TemplateFault('a text was expected')
}

/** A structure with its texts finished. A text that is one placeholder alone keeps that one's type. */
export function fillJson(template: Json, values: Values): Json {
  if (typeof template === 'string') {
    const alone = /^\{([a-z_]+(?:\.[a-z][a-z0-9_-]*)?)\}$/.exec(template)
    if (alone !== null) return placeholderValue(alone[1]!, values)
    return template.replace(PLACEHOLDER, (_, name: string) => String(placeholderValue(name, values)))
  }
  if (typeof template !== 'object' || template === null) return template
  if (Array.isArray(template)) return (template as readonly Json[]).map((part) => fillJson(part, values))
  const parts = template as Readonly<Record<string, Json>>
  if (Object.hasOwn(parts, BY_KIND)) {
    const kind = values.action?.target.kind ?? ''
    const chosen = (parts[BY_KIND] as Readonly<Record<string, Json>>)[kind]
    if (chosen === undefined) throw new TemplateFault(`the recipe has no text for a target of kind ${kind}`)
    return fillJson(chosen, values)
  }
  return Object.fromEntries(Object.entries(parts).map(([key, part]) => [key, fillJson(part, values)]))
}

function placeholderValue(name: string, values: Values): string | number {
  const found = lookUp(name, values)
  if (found === null || found === undefined || found === '') {
    throw new TemplateFault(`{${name}}: the action has no such value`)
  }
  return found
}

function lookUp(name: string, values: Values): string | number | null | undefined {
  if (name === 'token') return values.token
  const [group, key = ''] = name.split('.', 2)
  if (group === 'params') return own(values.params, key)
  if (group === 'secrets') return own(values.secrets, key)
  if (values.action === null) return null
  if (group === 'receipt') return own(values.action.receipt, key)
  return OF_ACTION[name]?.(values.action, values)
}

function own(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

/** A name as receivers can compare it: no control or invisible characters, not endless. Else none. */
function plain(value: string): string | null {
  return value.length <= 256 && escapeTerminal(value) === value ? value : null
}

function secondsLeft(action: Action, nowMs: number): number {
  const until = action.leaseUntilMs ?? nowMs + action.ttlMs
  return Math.max(1, Math.ceil((until - nowMs) / 1000))
}

function wholeSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
