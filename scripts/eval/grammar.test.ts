import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { grammarScore } from './grammar-score.ts'
import { GrammarCalls, grammarOf } from './path-grammar.ts'

const text = (name: string) => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string' },
})
const answer = (...names: string[]) => ({
  responses: {
    200: {
      content: {
        'application/json': {
          schema: { properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) },
        },
      },
    },
  },
})

/** Objects called by two words, functions beside objects, few calls of many routes, a bare version, a list of words. */
const CODE_HOST = {
  openapi: '3.0.0',
  servers: [{ url: 'https://api.host.test/2.0' }],
  paths: {
    '/repos/{owner}/{repo}': { get: answer('id', 'full_name', 'private', 'stars', 'forks') },
    '/repos/{owner}/{repo}/issues': { get: answer('total', 'issues', 'open', 'label', 'author') },
    '/repos/{owner}/{repo}/branches': { get: answer('branches', 'protected', 'head', 'commit', 'merged') },
    '/repos/{owner}/{repo}/tags': { get: answer('tags', 'tagger', 'verified', 'zipball', 'signature') },
    '/repos/{owner}/{repo}/hooks': { get: answer('hooks', 'active', 'config', 'last', 'ping') },
    '/repos/{owner}/{repo}/hooks/{hook_id}': { delete: { responses: { 204: {} } } },
    '/repos/{owner}/{repo}/collaborators/{username}': { delete: { responses: { 204: {} } } },
    '/users/{username}': { get: answer('login', 'bio', 'followers', 'company', 'hireable') },
    '/users/search': { get: answer('items', 'total_count', 'incomplete', 'score', 'took') },
    '/packages/{sort}/stats': {
      get: {
        parameters: [{ name: 'sort', in: 'path', schema: { type: 'string', enum: ['npm', 'maven', 'docker'] } }],
        ...answer('downloads', 'day', 'week', 'month', 'year'),
      },
    },
    '/meters/cpu': { get: answer('series', 'from', 'to', 'step', 'unit') },
    '/meters/memory': { get: answer('series', 'from', 'to', 'step', 'unit') },
    '/meters/disk': { get: answer('series', 'from', 'to', 'step', 'unit') },
    '/commits/{sha}': { parameters: [text('sha')], get: answer('sha', 'message', 'tree', 'parents', 'stats') },
  },
}

test.each(['a', 'b', 'c'])(
  'templates of an API that calls objects by words are those of its description: %s',
  (seed) => {
    const templates = grammarScore(grammarOf(CODE_HOST), { seed, requests: 12_000, warmUp: 3000 })
    expect(templates.total).toBe(9000)
    expect(templates.share).toBeGreaterThanOrEqual(0.98)
  },
)

test('our own API too', () => {
  const own = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/openapi.json'), 'utf8'))
  expect(grammarScore(grammarOf(own), { seed: 'own', requests: 12_000, warmUp: 3000 }).share).toBeGreaterThanOrEqual(
    0.98,
  )
})

test('calls are made of the description, the same from one seed', () => {
  const operations = grammarOf(CODE_HOST)
  const calls = (seed: string) => {
    const made = new GrammarCalls(operations, seed)
    return Array.from({ length: 50 }, () => made.next().path)
  }
  expect(calls('x')).toEqual(calls('x'))
  expect(calls('x')).not.toEqual(calls('y'))
  for (const path of calls('x')) expect(path).toMatch(/^\/2\.0\/[^{}]+$/)
  const stats = operations.find(({ path }) => path.endsWith('/stats'))!
  expect(stats.parameters.get('sort')).toEqual({ sort: 'enum', values: ['npm', 'maven', 'docker'] })
  expect(stats.template).toBe('/2.0/packages/{}/stats')
})
