import { z } from 'zod'
import { amount, text } from './baselines/state.ts'

/** A rule of a model that was judged by, and is not any more: too much of what came since speaks against it. */
export const ModelChange = z.object({
  /** Whose model it is. */
  detector: text,
  service: text,
  /** Method and path without what varies, `GET /v2/letters`. */
  endpoint: text,
  /** The rule as a clause: `customer_id in the answer goes with one caller only`. */
  rule: text,
  /** Answers and callers of whom it held. */
  held: amount,
  callers: amount,
  /** Callers who broke it, and the days on which. */
  brokenBy: amount,
  days: amount,
})
export type ModelChange = Readonly<z.infer<typeof ModelChange>>
