import { readdirSync } from 'node:fs'
import { OffpathError } from '../../../daemon/telemetry/errors.ts'
import { decode, FIXTURES, fixtureLines } from '../../tap/decode.ts'
import { below, havoc, pick } from './bytes.ts'
import { demand, type FuzzTarget } from './target.ts'

const NESTING = 200

/** Records of gateways, as lines of text: format by format, their values changed. */
export const tap: FuzzTarget = {
  name: 'tap',
  corpus: () =>
    readdirSync(FIXTURES)
      .filter((name) => name.endsWith('.jsonl'))
      .flatMap((name) => fixtureLines(name.slice(0, -'.jsonl'.length)))
      .map((line) => Buffer.from(line)),
  mutate: (random, corpus) => {
    const lines = Array.from({ length: 1 + below(random, 3) }, () => {
      const line = pick(random, corpus)
      if (random() < 0.3) return havoc(random, line, corpus, 4)
      try {
        return Buffer.from(JSON.stringify(changed(random, JSON.parse(line.toString()), 0)))
      } catch {
        return line
      }
    })
    return Buffer.from(lines.map((line) => line.toString('utf8').replaceAll('\n', ' ')).join('\n'))
  },
  run: (input) => {
    try {
      const { lines } = decode(input.toString('utf8').split('\n'))
      for (const line of lines) demand(typeof JSON.parse(line) === 'object', 'a line is no object')
    } catch (error) {
      // That no format fits is an answer.
      if (!(error instanceof OffpathError)) throw error
    }
  },
}

/** The same value with some of its leaves replaced, keys left out or repeated one level deeper. */
function changed(random: () => number, value: unknown, depth: number): unknown {
  if (random() < 0.08) return odd(random)
  if (Array.isArray(value)) return value.map((one) => changed(random, one, depth + 1))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(() => random() > 0.04)
  return Object.fromEntries(entries.map(([key, one]) => [key, changed(random, one, depth + 1)]))
}

function odd(random: () => number): unknown {
  const texts = [
    '',
    '-',
    'null',
    '\u0000',
    '\ud800',
    '9'.repeat(400),
    'H4sIAAAA',
    '{"a":',
    'GET / HTTP/1.1\r\n\r\n',
    '::1',
    '1.2.3.4:99999',
  ]
  let nested: unknown = 1
  for (let depth = 0; depth < NESTING; depth++) nested = depth % 2 === 0 ? [nested] : { a: nested }
  return pick(random, [...texts, null, true, -1, 0, 1e308, -0.5, 2 ** 53, [], {}, nested, { __proto__: null }, [[]]])
}
