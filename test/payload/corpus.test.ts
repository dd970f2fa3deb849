import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { calmAnswers, leakyAnswers } from './answers.ts'
import { attacks } from './attacks.ts'
import { benign, REPORTED } from './benign/requests.ts'
import { type CorpusRequest, corpusHash } from './corpus-request.ts'
import { wrapped } from './wrapped.ts'

/**
 * The reporting sets as they were before anything was tuned: what is measured on them was not fitted to them. A change of a seed, template or
 * encoding makes other sets, whose figures must be said to be new.
 */
const FROZEN = {
  attacks: '39d10e614f4c6ce41c3490921e7ac86bd97df4d549eb531d5f06ca5a246e86ff',
  wrapped: 'fc5c43a146b071f4d21b55e93469e57c27cd17ec83a73da49108750b24c3fd7e',
  answers: 'a9b9ac8abdd41513721021e67f33a2a26e090f21efc2b884bab90a393e3b3a68',
  benign: '341fece1a1a82b87c4ba44f5953d8dea103edfb4f44dec5fc1a8abe6d66c99d7',
}

function* requestsOf(labelled: Iterable<{ readonly request: CorpusRequest }>): Generator<CorpusRequest> {
  for (const { request } of labelled) yield request
}

test('the reporting sets are the frozen ones', () => {
  expect(REPORTED).toBeGreaterThanOrEqual(50_000)
  expect(corpusHash(requestsOf(attacks('reporting')))).toBe(FROZEN.attacks)
  expect(corpusHash(requestsOf(wrapped('reporting')))).toBe(FROZEN.wrapped)
  expect(corpusHash(requestsOf(benign('reporting', REPORTED)))).toBe(FROZEN.benign)
})

test('the answers of the reporting set are the frozen ones', () => {
  const hash = createHash('sha256')
  for (const answer of [...leakyAnswers('reporting'), ...calmAnswers('reporting')])
    hash.update(`${JSON.stringify(answer)}\n`)
  expect(hash.digest('hex')).toBe(FROZEN.answers)
})

test('tuning and reporting share no seed', () => {
  const tuning = new Set([...attacks('tuning')].map(({ seed }) => seed))
  const shared = [...attacks('reporting')].filter(({ seed }) => tuning.has(seed))
  expect(shared).toEqual([])
})
