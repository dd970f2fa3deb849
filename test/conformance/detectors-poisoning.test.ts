import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { POISONS, poisonedWorld, STRIKES, STRIKES_AT } from './detectors/poisoning.ts'
import { World } from './detectors/world.ts'

const PAGE = join(import.meta.dirname, '../../docs/poisoning.md')
const [NOTHING] = Object.keys(POISONS) as [string]

/** What works against us: told neither while it is prepared nor when it is done. */
const MISSED: readonly (readonly [strike: string, poison: string])[] = [
  ['consumption.rate: 4,000 searches', 'a hundredth of it every half hour'],
]

/** Requests of the attack until an incident; `before`: it was told while it was prepared. */
type Found = number | 'before' | 'missed'
const found = new Map<string, Map<string, Found>>()

describe.each(Object.entries(STRIKES))('%s', (name, strike) => {
  test.each(Object.entries(POISONS))('%s', (poison, prepares) => {
    const world = new World(3)
    poisonedWorld(world, strike, prepares)
    const { untilOpened, opened } = world.play()
    const before = opened.some(
      ({ subject, openedAt, policy }) =>
        openedAt < STRIKES_AT && (subject.value.includes('mallory') || policy === 'baseline-drift'),
    )
    const result: Found = untilOpened >= 0 ? untilOpened : before ? 'before' : 'missed'
    const row = found.get(name) ?? new Map<string, Found>()
    found.set(name, row.set(poison, result))
    const isAdmitted = MISSED.some(([of, by]) => of === name && by === poison)
    expect(result === 'missed').toBe(isAdmitted)
  })
})

test('that somebody provokes incidents so that nothing is learnt is told, once; on ordinary days it is not', () => {
  const told = (poison: string) => {
    const world = new World(3)
    poisonedWorld(world, () => {}, POISONS[poison]!)
    return world.play().opened.filter(({ policy }) => policy === 'baseline-frozen')
  }
  expect(told(NOTHING)).toEqual([])
  const [incident, ...more] = told('200 cheap incidents, so that learning stands still')
  expect(incident?.why).toMatch(/new callers came under suspicion within 6 h, again and again/)
  expect(more).toEqual([])
})

test('docs/poisoning.md tells what was just measured', () => {
  const text = readFileSync(PAGE, 'utf8')
  const rows = Object.keys(POISONS).map((poison) => {
    const cells = [...found.values()].map((row) => shown(row.get(poison)!))
    return `| ${poison === NOTHING ? 'nothing' : poison} | ${cells.join(' | ')} |`
  })
  const table = [`| before | ${[...found.keys()].join(' | ')} |`, `|${' --- |'.repeat(found.size + 1)}`, ...rows].join(
    '\n',
  )
  const page = text.replace(/^\| before[\s\S]*?(?=\n\n)/m, table)
  if (process.env.OFFPATH_GOLDEN_UPDATE === '1') writeFileSync(PAGE, page)
  expect(text).toBe(page)
})

function shown(result: Found): string {
  if (result === 'before') return 'told before'
  return result === 'missed' ? '**not found**' : String(result)
}
