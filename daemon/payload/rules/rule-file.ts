import { z } from 'zod'
import { PAYLOAD_CLASSES, type PayloadClass } from '../payload.ts'
import { TRANSFORMS } from './rule.ts'

/** Every key of a file of payload rules, its default and what it means. Unknown keys are refused at every level. */

export const MAX_RULES = 200
const MAX_PATTERN = 512
const MAX_CONDITION = 1024
/** Longer values are no test but a benchmark. */
const MAX_TEST_VALUE = 4096

/** Where a class is looked for tells which side of a message a rule is about: `leak_…` are answers. */
const CLASSES = PAYLOAD_CLASSES as readonly [PayloadClass, ...PayloadClass[]]

const word = z
  .string()
  .min(3)
  .max(64)
  .regex(/^[\x20-\x7e]+$/, { error: 'expected characters of ASCII, without line ends' })
  .transform((text) => text.toLowerCase().replace(/ {2,}/g, ' '))

const test = z.strictObject({
  value: z.string().max(MAX_TEST_VALUE).describe('The value as it is sent, encodings and all.'),
  field: z
    .string()
    .min(1)
    .max(256)
    .default('query:q')
    .describe('Name of the field it stands in; of a rule about answers, `response`.'),
  finds: z.boolean().describe('Whether the rule has to find it.'),
})

const rule = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,47}$/, { error: 'expected an id such as legacy_report_name' })
    .describe('Names the rule: findings say `own.` and this.'),
  title: z.string().min(1).max(120).optional().describe('What it is for, for whoever reads the file.'),
  class: z.enum(CLASSES).describe('What it is: findings count with this class, and for its detector.'),
  in: z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(16)
    .default(['*'])
    .describe(
      'Fields, as findings name them: `query:report`, `header:x-*`, `body:/items/[]/name`. `*` stands for anything.',
    ),
  read: z
    .enum(['unwrapped', 'as_sent'])
    .default('unwrapped')
    .describe('`unwrapped`: after percent, entities, escapes, base64 … are taken off; `as_sent`: with them.'),
  transforms: z
    .array(z.enum(TRANSFORMS))
    .max(TRANSFORMS.length)
    .default([])
    .describe('Done to the text before it is looked at, in the order in which they are listed here.'),
  contains: z
    .array(word)
    .min(1)
    .max(32)
    .describe('One of these stands in whatever the rule finds. Case does not matter, a run of blanks is one.'),
  pattern: z
    .string()
    .min(1)
    .max(MAX_PATTERN)
    .optional()
    .describe('RE2: linear, so without backreferences and lookarounds. Has to be found as well.'),
  condition: z
    .string()
    .min(1)
    .max(MAX_CONDITION)
    .optional()
    .describe(
      'CEL over `field.name`, `field.place`, `field.key`, `text`, `sent` and `layers`. Has to be true as well.',
    ),
  logOdds: z
    .number()
    .min(2)
    .max(13)
    .default(9)
    .describe(
      'Natural log of how much likelier it is in an attack than in an ordinary value: 2 odd, 7 a signal, 9 and more an incident.',
    ),
  tests: z.array(test).min(1).max(64).describe('Values that it finds, and values that it must not.'),
})

export const RULE_FILE = z.strictObject({
  apiVersion: z.literal('offpath.dev/v1'),
  kind: z.literal('PayloadRules'),
  metadata: z.strictObject({
    id: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, { error: 'expected an id such as shop-rules' }),
    owner: z.string().min(1).max(120).optional().describe('Who answers for it.'),
  }),
  budget: z
    .int()
    .min(1)
    .max(1024)
    .default(128)
    .describe('Patterns and conditions that the rules of this file may ask in one message. What is beyond is counted.'),
  rules: z.array(rule).min(1).max(MAX_RULES),
})

export type RuleFile = z.infer<typeof RULE_FILE>
