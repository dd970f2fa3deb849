import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { check } from 'recheck'
import { expect, test } from 'vitest'
import { regExpLiterals } from './regexp-literals.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** Where text from traffic may meet a pattern. The command line and the configuration read only what the operator wrote. */
const FOLDERS = [
  'daemon/sources',
  'daemon/decode',
  'daemon/reassembly',
  'daemon/http',
  'daemon/payload',
  'daemon/identity',
  'daemon/endpoints',
  'daemon/inventory',
  'daemon/incidents',
  'daemon/model',
  'daemon/telemetry',
  'daemon/topology',
  'analyzers',
  'sinks',
]

const files = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
)
const sources = files.map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }))
const literals = sources.flatMap(({ file, text }) => regExpLiterals(text).map((literal) => ({ file, ...literal })))
const distinct = new Map(literals.map((literal) => [`/${literal.source}/${literal.flags}`, literal]))

test('patterns are told from divisions, strings, comments and templates', () => {
  const text = [
    'const a = b / c / d // /not/',
    "const e = x! / (y + 1); f(/one[/]\\/+/gi, '/not/')",
    'return !/two/.test(`/not/ #{g.in / 2} #{/three/.exec(h)} /not/`)'.replaceAll('#', '$'),
    '/* /not/ */ const k = [/four/u, l[0] / 2, (m) / n]',
  ].join('\n')
  expect(regExpLiterals(text).map(({ source, flags, line }) => `${line} ${source} ${flags}`)).toEqual([
    '2 one[/]\\/+ gi',
    '3 two ',
    '3 three ',
    '4 four u',
  ])
})

test('every pattern of the source is found: what was taken for one compiles, and none is made from text', () => {
  expect(literals.length).toBeGreaterThan(60)
  for (const { source, flags } of literals) expect(() => new RegExp(source, flags)).not.toThrow()
  // Of the state of a process, by names of our own.
  const made = sources.filter(({ text }) => /\bRegExp\(/.test(text)).map(({ file }) => file)
  expect(made).toEqual(['daemon/sources/relinquish.ts'])
})

test('the checker knows a superlinear pattern when it sees one', async () => {
  expect((await check('^(a+)+$', '')).status).toBe('vulnerable')
  expect((await check('a*b', '')).status).toBe('vulnerable')
  // A quadratic one too large for a proof.
  const large = `(?:${'abcdefghijklmnopqrst'
    .split('')
    .map((letter) => `${letter}{1,40}[b-y]{0,30}x`)
    .join('|')})|\\s+$`
  const found = await check(large, 'i', LIMITS)
  expect(`${found.checker} ${found.status}`).toBe('fuzz vulnerable')
})

/**
 * What is too large to be proven is tried with strings that grow until they cost `attackLimit` steps. Of 20,000 characters at most that is 75 steps a
 * character, more than any pattern here takes of an honest or hostile one, and a hundredth of what a quadratic one does. (recheck's own limit of
 * 300,000 characters leaves five a character: linear patterns then fail in one of fifty runs.)
 */
const LIMITS = { timeout: 90_000, maxAttackStringSize: 20_000, attackLimit: 1_500_000 }

test.each([...distinct])(
  '%s takes linear time',
  async (_, literal) => {
    const { status } = await check(literal.source, literal.flags, LIMITS)
    expect(`${literal.file}:${literal.line} ${status}`).toBe(`${literal.file}:${literal.line} safe`)
  },
  120_000,
)
