import fc from 'fast-check'
import { expect, test } from 'vitest'
import { textType } from '../../../daemon/inventory/scalar.ts'
import { type SensitiveClass, sensitiveClass } from '../../../daemon/inventory/sensitive.ts'
import { jsonNames } from '../property/json-names.ts'
import { bodyFacts } from './body-facts.ts'

const names = fc.constantFrom(
  'id',
  'email',
  'phone',
  'ssn',
  'is_admin',
  'isAdmin',
  'card',
  'a"b',
  'ä',
  '',
  'x'.repeat(70),
)
const values = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.constantFrom(
    'ann@shop.test',
    '+49 170 1234567',
    '0170 1234567',
    '078-05-1120',
    '4111 1111 1111 1111',
    '4111111111111111',
    'DE89370400440532013000',
    'GB82 WEST 1234 5698 7654 32',
    'redacted',
    `hmac:${'0a'.repeat(16)}`,
    `ghp_${'a1'.repeat(18)}`,
    `eyJhbGciOiJub25lIn0.${'a'.repeat(20)}.`,
    '2026-11-22T10:00:00Z',
    '0f8fad5b-d9cb-469f-a165-70867728950e',
    'a\nb@c.test',
  ),
)
const scalars = fc.oneof(values, values, fc.double({ noNaN: true }), fc.integer(), fc.boolean(), fc.constant(null))
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 9 },
    scalars,
    fc.array(tie('json'), { maxLength: 5 }),
    fc.dictionary(names, tie('json'), { maxKeys: 5 }),
  ),
}))
const bodies = json.filter((body) => typeof body === 'object' && body !== null)

/** The same by the structure that JSON.parse makes. */
function classesOf(body: unknown): Set<SensitiveClass> {
  const found = new Set<SensitiveClass>()
  let left = 512
  const walk = (value: unknown, name: string, depth: number): void => {
    if (left-- <= 0 || depth > 6) return
    if (typeof value === 'string') {
      const kind = sensitiveClass(name, value, textType(value))
      if (kind !== null) found.add(kind)
    } else if (Array.isArray(value)) for (const each of value) walk(each, name, depth + 1)
    else if (typeof value === 'object' && value !== null) {
      for (const [key, each] of Object.entries(value)) walk(each, key.slice(0, 64), depth + 1)
    }
  }
  walk(body, '', 0)
  return found
}

test('one walk finds the classes that a look at each value finds, and the names that a search for names finds', () => {
  fc.assert(
    fc.property(bodies, fc.constantFrom(undefined, 1), (body, indent) => {
      const text = JSON.stringify(body, undefined, indent)
      const facts = bodyFacts(text)!
      expect([...facts.classes]).toEqual([...classesOf(body)])
      expect(facts.names.map(({ name, hash }) => [name, hash])).toEqual(
        jsonNames(text).map(({ name, hash }) => [name, hash]),
      )
    }),
    { numRuns: 300 },
  )
})

test('what JSON.parse refuses, cut off or changed, has no facts', () => {
  fc.assert(
    fc.property(bodies, fc.nat(), fc.constantFrom('', '"', '{', ']', ',', ':', '\\', 'x'), (body, place, put) => {
      const text = JSON.stringify(body)
      const at = place % text.length
      const changed = text.slice(0, at) + put + (put === '' ? '' : text.slice(at + 1))
      let valid = true
      try {
        valid = typeof JSON.parse(changed) === 'object'
      } catch {
        valid = false
      }
      // Runs of characters of numbers are not checked any further.
      if (!valid && !/[0-9.eE+-]{2}/.test(changed)) expect(bodyFacts(changed)).toBe(null)
      if (valid && changed.length > 1) expect(bodyFacts(changed)).not.toBe(null)
    }),
    { numRuns: 300 },
  )
})

test('what nobody sends ends: deep nesting, and names without number', () => {
  expect(bodyFacts('['.repeat(60_000))).toBe(null)
  const many = JSON.stringify(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`field${i}`, 'a@b.test'])))
  expect(bodyFacts(many)).toMatchObject({ classes: ['email'], names: { length: 128 } })
})
