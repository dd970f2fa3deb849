import { execFileSync } from 'node:child_process'
import { beforeAll, describe, expect, test } from 'vitest'
import { ensureBuilt, PROGRAM } from '../integration/program.ts'
import { type Case, cases } from './cases.ts'
import { compare } from './compare.ts'
import { judge, type Reading } from './judge.ts'

beforeAll(ensureBuilt)

function hasTshark(): boolean {
  try {
    execFileSync('tshark', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test('the comparison has at least 200 captures, a third of them with gaps, pipelining, HEAD, 1xx or trailers', () => {
  const all = cases()
  expect(all.length).toBeGreaterThanOrEqual(200)
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  expect(all.filter(({ features }) => features.size > 0).length).toBeGreaterThanOrEqual(all.length / 3)
})

describe.skipIf(!hasTshark())('every 32nd of them (needs tshark)', () => {
  test('no pair of ours never happened, and every difference has its reason', async () => {
    const compared = await compare(cases(32), PROGRAM, 2)
    expect(compared.length).toBeGreaterThan(10)
    const bad = compared.flatMap(({ one, judgement }) =>
      judgement.differences.filter(({ verdict }) => verdict === 'unexplained').map(({ what }) => `${one.name} ${what}`),
    )
    expect(bad).toEqual([])
    expect(compared.reduce((sum, { judgement }) => sum + judgement.both, 0)).toBeGreaterThan(50)
  }, 120_000)
})

describe('the judge', () => {
  const ends = { client: '198.51.100.20 40000', server: '192.0.2.10 80' }
  const happened = {
    ...ends,
    method: 'GET',
    target: '/a',
    status: 200,
    requestBody: 0,
    responseBody: 7,
    captured: true,
    tsharkMay: [],
  }
  const one: Case = {
    name: 'made up',
    how: '',
    file: Buffer.alloc(0),
    extension: '.pcap',
    truth: [happened],
    lossy: false,
    features: new Set(),
  }
  const { captured: _captured, tsharkMay: _may, ...plain } = happened
  const right: Reading = plain
  const verdicts = (given: Case, ours: Reading[], theirs: Reading[]) =>
    judge(given, ours, theirs).differences.map(({ only, verdict }) => `${only}: ${verdict}`)

  test('finds no difference where both are right', () => {
    expect(verdicts(one, [right], [right])).toEqual([])
  })

  test('takes no pair of ours that never happened, nor a wrong size', () => {
    const wrong = { ...right, status: 404 }
    expect(judge(one, [wrong, right], [right])).toMatchObject({ wrongOffpath: 1, both: 1 })
    expect(verdicts(one, [wrong, right], [right])).toEqual(['offpath: unexplained'])
    expect(verdicts(one, [{ ...right, responseBody: 8 }], [right])).toEqual(['offpath: unexplained'])
  })

  test('a pair that is missing needs a loss and a request that stands alone', () => {
    const alone = { ...right, status: null }
    expect(verdicts(one, [], [right])).toEqual(['tshark: unexplained'])
    expect(verdicts(one, [alone], [right])).toEqual(['tshark: unexplained'])
    expect(verdicts({ ...one, lossy: true }, [], [right])).toEqual(['tshark: unexplained'])
    expect(verdicts({ ...one, lossy: true }, [alone], [right])).toEqual(['tshark: tshark is right'])
    expect(verdicts(one, [alone], [])).toEqual(['neither: unexplained'])
    expect(verdicts({ ...one, lossy: true }, [alone], [])).toEqual(['neither: neither is wrong'])
  })

  test('what tshark misses needs a known reason', () => {
    expect(verdicts(one, [right], [])).toEqual(['offpath: unexplained'])
    const known = { ...one, truth: [{ ...happened, tsharkMay: ['pipelined'] }] }
    expect(verdicts(known, [right], [])).toEqual(['offpath: offpath is right'])
  })
})
