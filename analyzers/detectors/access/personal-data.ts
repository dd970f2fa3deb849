import type { SensitiveClass } from '../../../daemon/inventory/sensitive.ts'
import type { Severity } from '../../../daemon/model/signal.ts'
import { bodyFacts } from './body-facts.ts'

const NONE: readonly SensitiveClass[] = []

/** The classes of sensitive values in a JSON answer, in the order in which they are met; none of what is no JSON. */
export function personalData(body: string | undefined): readonly SensitiveClass[] {
  return bodyFacts(body)?.classes ?? NONE
}

const GRAVE: ReadonlySet<SensitiveClass> = new Set(['card', 'iban', 'national_id', 'password', 'token'])

/** What it means that a stranger was given this. */
export function severityOfGiven(classes: readonly SensitiveClass[]): Severity {
  if (classes.some((each) => GRAVE.has(each))) return 'critical'
  return classes.length > 0 ? 'high' : 'medium'
}
