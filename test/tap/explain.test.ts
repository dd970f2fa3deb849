import { describe, expect, test } from 'vitest'
import { explainSample } from '../../daemon/cli/tap-explain.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { shippedPresets } from '../../daemon/tap/presets.ts'
import { fixtureLines } from './decode.ts'

/** Without these there is no transaction; where records hold HTTP as it was on the wire, all but the time come from there. */
const NEEDED = ['ts', 'client.ip', 'request.method', 'response.status']

describe.each(shippedPresets().filter(({ name }) => name !== 'native'))(
  'tap explain of $name',
  ({ name, fields, lacks }) => {
    const lines = fixtureLines(name).map((value, index) => ({ value, line: index + 1 }))
    const report = explainSample(`${name}.jsonl`, lines, 'auto', TEST_KEY)
    const times = new Map(
      report.fields.map(({ field, from }) => [field, Object.values(from).reduce((a, b) => a + b, 0)]),
    )

    test('names every field of the mapping, read or not', () => {
      expect(report.format).toBe(name)
      expect(report.confidence).toBeGreaterThan(0.5)
      expect([...times.keys()]).toEqual(expect.arrayContaining(Object.keys(fields)))
    })

    test('says what each that is needed was read from', () => {
      const needed = (times.get('raw_http') ?? 0) > 0 ? ['ts'] : NEEDED
      const isRead = (field: string) => (times.get(field) ?? 0) > 0
      const missing = needed.filter((field) => {
        // Some log when a request ended, some do not know who sent it.
        if (field === 'ts') return !isRead('ts') && !isRead('end_ts')
        return !isRead(field) && !(field === 'client.ip' && lacks.includes('client_address'))
      })
      expect(missing).toEqual([])
      expect(report.transactions).toBeGreaterThan(0)
      expect(report.sample).not.toBeNull()
    })
  },
)
