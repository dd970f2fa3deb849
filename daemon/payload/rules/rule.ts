import type { PayloadClass } from '../payload.ts'

/** Names of what may be done to a text before a rule looks at it; in this order, whatever the order in the file. */
export const TRANSFORMS = ['no_nul', 'no_sql_comments', 'no_quotes', 'one_space', 'lower_case', 'trim'] as const
export type Transform = (typeof TRANSFORMS)[number]

/** An operator's rule, as plain data: it goes to where raw values are, which may be another thread or process. */
export interface PayloadRule {
  readonly id: string
  /** Which file it is of: a budget is shared by the rules of one file. */
  readonly file: string
  readonly class: PayloadClass
  /** Names of fields, `query:*`, `body:/items/*` or `*`: a star stands for anything. */
  readonly in: readonly string[]
  readonly read: 'unwrapped' | 'as_sent'
  readonly transforms: readonly Transform[]
  /** One of them stands in whatever the rule finds: lower case, a run of white space is one space. */
  readonly contains: readonly string[]
  /** RE2. */
  readonly pattern: string | null
  /** CEL over `field`, `text`, `sent` and `layers`. */
  readonly condition: string | null
  readonly logOdds: number
  /** Patterns and conditions that the rules of the file may ask in one message. */
  readonly budget: number
}

/** The rules in force. Replaced as a whole; who uses them looks whether they are still the same. */
export interface RuleBox {
  rules: readonly PayloadRule[]
}

export const NO_RULES: readonly PayloadRule[] = []
