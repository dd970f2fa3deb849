import type { PayloadClass } from '../../daemon/payload/payload.ts'
import { type CorpusSet, half } from './corpus-request.ts'
import { LISTINGS, PROOFS, SECRETS, SOURCES, SQL_ERRORS, STACKS } from './seeds/answers.ts'
import { ANSWERS_BENIGN } from './seeds/answers-benign.ts'

/** An answer that gives something away. */
export interface LeakyAnswer {
  readonly class: PayloadClass
  /** Language, engine or product. */
  readonly seed: string
  readonly placement: string
  readonly text: string
}

type Seeds = readonly (readonly [name: string, text: string])[]

const LEAKS: readonly { readonly class: PayloadClass; readonly seeds: Seeds; readonly whole: boolean }[] = [
  { class: 'leak_stack', seeds: STACKS, whole: false },
  { class: 'leak_sql_error', seeds: SQL_ERRORS, whole: false },
  { class: 'leak_source', seeds: SOURCES, whole: true },
  { class: 'leak_source', seeds: PROOFS, whole: false },
  { class: 'leak_listing', seeds: LISTINGS, whole: true },
  { class: 'leak_secret', seeds: SECRETS, whole: false },
]

const escaped = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')

/** The ways an answer carries what went wrong: as it is, in a page, in JSON, in JSON inside of JSON, after what had been written before. */
const PLACEMENTS: readonly { readonly name: string; readonly put: (text: string) => string }[] = [
  { name: 'plain', put: (text) => text },
  {
    name: 'page',
    put: (text) =>
      `<!DOCTYPE html><html><head><title>Error</title></head><body><h1>500</h1><pre>${escaped(text)}</pre></body></html>`,
  },
  { name: 'comment of a page', put: (text) => `<html><body><p>Sorry.</p><!-- ${text} --></body></html>` },
  { name: 'json', put: (text) => JSON.stringify({ error: { code: 'E500', message: text } }) },
  {
    name: 'json in json',
    put: (text) => JSON.stringify({ status: 'failed', detail: JSON.stringify({ cause: text }) }),
  },
  {
    name: 'half a page',
    put: (text) => `<html><body><table class="orders"><tr><td>17</td><td>open</td></tr>\n${text}`,
  },
]

/** Every seed of the set in every placement, in a fixed order. Seeds come in pairs of one language: each half has one. */
export function* leakyAnswers(set: CorpusSet): Generator<LeakyAnswer> {
  for (const { class: name, seeds, whole } of LEAKS) {
    for (const [seed, text] of half(seeds, set)) {
      for (const { name: placement, put } of PLACEMENTS) {
        if (whole && placement !== 'plain') continue
        yield { class: name, seed, placement, text: put(text) }
      }
    }
  }
}

/** One that only looks like it. */
export interface CalmAnswer {
  readonly kind: string
  /** With a status from 400 on; else 200. */
  readonly refused: boolean
  readonly text: string
}

export function* calmAnswers(set: CorpusSet): Generator<CalmAnswer> {
  for (const [kind, text] of half(ANSWERS_BENIGN, set)) yield { kind, refused: kind === 'refused', text }
}
