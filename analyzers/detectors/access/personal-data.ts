import { textType } from '../../../daemon/inventory/scalar.ts'
import { type SensitiveClass, sensitiveClass } from '../../../daemon/inventory/sensitive.ts'
import type { Severity } from '../../../daemon/model/signal.ts'

const MAX_BODY = 65_536
const MAX_NODES = 512
const MAX_DEPTH = 6

/** The classes of sensitive values in a JSON answer, in the order in which they are met; none of what is no JSON. */
export function personalData(body: string | undefined): SensitiveClass[] {
  if (body === undefined || body.length < 2 || body.length > MAX_BODY) return []
  const first = body.charCodeAt(0)
  if (first !== 0x7b && first !== 0x5b) return []
  try {
    const found = new Set<SensitiveClass>()
    walk(JSON.parse(body), '', 0, { found, left: MAX_NODES })
    return [...found]
  } catch {
    return []
  }
}

interface Walk {
  readonly found: Set<SensitiveClass>
  left: number
}

function walk(value: unknown, name: string, depth: number, state: Walk): void {
  if (state.left-- <= 0 || depth > MAX_DEPTH) return
  if (typeof value === 'string') {
    const kind = sensitiveClass(name, value, textType(value))
    if (kind !== null) state.found.add(kind)
    return
  }
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && state.left > 0; i++) walk(value[i], name, depth + 1, state)
    return
  }
  for (const [key, each] of Object.entries(value)) {
    if (state.left <= 0) return
    walk(each, key.slice(0, 64), depth + 1, state)
  }
}

const GRAVE: ReadonlySet<SensitiveClass> = new Set(['card', 'iban', 'national_id', 'password', 'token'])

/** What it means that a stranger was given this. */
export function severityOfGiven(classes: readonly SensitiveClass[]): Severity {
  if (classes.some((each) => GRAVE.has(each))) return 'critical'
  return classes.length > 0 ? 'high' : 'medium'
}
