import { describe, expect, test } from 'vitest'
import type { Renames } from '../../demo/routes.ts'
import { renderScorecard } from '../../demo/scorecard.ts'
import { cardOf, START_MS } from './simulated-card.ts'

const GERMAN = { v1: 'api', orders: 'bestellungen', login: 'anmeldung', products: 'artikel', invoice: 'rechnung' }
const FRENCH = { v1: 'boutique', orders: 'commandes', login: 'connexion', refresh: 'suite', me: 'moi', cart: 'panier' }

describe.each<[string, Renames, number]>([
  ['1', {}, 8080],
  ['2', {}, 3000],
  ['3', {}, 80],
  ['7', GERMAN, 18_081],
  ['11', FRENCH, 443],
  ['4242', {}, 8080],
])('seed %s, paths %j, port %i', (seed, renames, port) => {
  test('gives a clean card', async () => {
    const card = await cardOf(seed, renames, port)
    expect(renderScorecard(card, START_MS).at(-1)).toBe('6 of 6 planted attacks found, 0 false incidents')
    expect(card.clean).toBe(true)
  })
})

test('the same day and scene without attackers are silent', async () => {
  expect((await cardOf('5', {}, 8080, false)).falseIncidents.map(({ detector, why }) => `${detector}: ${why}`)).toEqual(
    [],
  )
})
