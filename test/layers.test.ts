import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { expect, test } from 'vitest'
import { World } from '../world/world.ts'

/** Data flows left to right, imports point left. A room may import itself, any room before it, model/ and telemetry/. */
const FLOW = [
  'daemon/sources',
  'daemon/decode',
  'daemon/reassembly',
  'daemon/http',
  'daemon/payload',
  'daemon/identity',
  'daemon/tap',
  'daemon/endpoints',
  'analyzers/baselines',
  'daemon/callers',
  'daemon/inventory',
  'analyzers/detectors',
  'analyzers',
  'daemon/incidents',
  'daemon/policies',
  'sinks',
  'daemon/response',
]
/** Rooms that see everything to their left here, and the flow above. */
const ABOVE = ['daemon/config', 'daemon/api', 'daemon/topology', 'demo', 'daemon/cli']
const EVERYWHERE = ['daemon/model', 'daemon/telemetry', 'daemon/durable', 'daemon/yaml', 'daemon/zstd']

const root = join(import.meta.dirname, '..')

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

function roomOf(file: string): string {
  const rooms = [...EVERYWHERE, ...FLOW, ...ABOVE]
  const found = rooms.filter((room) => file.startsWith(`${room}/`)).sort((a, b) => b.length - a.length)[0]
  if (found === undefined) throw new Error(`${file} is in no room: add its folder to test/layers.test.ts`)
  return found
}

/** What makes labelled traffic for the lab: nothing that judges traffic may know it, and it knows no judge. */
const WORLD = 'world'
const MAY_IMPORT_WORLD = /^(?:world\/|daemon\/cli\/simulate)/
const WORLD_MAY_IMPORT = /^(?:world\/|daemon\/model\/|daemon\/decode\/address\.ts$|demo\/random\.ts$)/

/** The rooms a room may import from. */
function allowed(room: string): string[] {
  if (room === 'daemon/model') return [room]
  if (EVERYWHERE.includes(room)) return EVERYWHERE
  // A detector implements the contract that stands in analyzers/, beside the registry that lists it.
  if (room === 'analyzers/baselines' || room === 'analyzers/detectors') {
    return [...EVERYWHERE, ...FLOW.slice(0, FLOW.indexOf(room) + 1), 'analyzers']
  }
  const inFlow = FLOW.indexOf(room)
  if (inFlow >= 0) return [...EVERYWHERE, ...FLOW.slice(0, inFlow + 1)]
  return [...EVERYWHERE, ...FLOW, ...ABOVE.slice(0, ABOVE.indexOf(room) + 1)]
}

const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s+['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)/g

function importsOf(file: string): string[] {
  const matches = [...readFileSync(join(root, file), 'utf8').matchAll(IMPORT)]
  return matches.map((match) => normalize(join(dirname(file), match[1] ?? match[2] ?? '')))
}

test.each(['daemon', 'analyzers', 'sinks', 'demo'])('imports in %s point left', (folder) => {
  const wrong: string[] = []
  for (const file of sourceFiles(folder)) {
    const room = roomOf(file)
    for (const target of importsOf(file)) {
      if (!/^(daemon|analyzers|sinks|demo)\//.test(target)) continue
      if (!allowed(room).includes(roomOf(target))) wrong.push(`${file} imports ${target}`)
    }
  }
  expect(wrong).toEqual([])
})

test('only the simulation knows its world, and the world knows nobody who judges', () => {
  const wrong = ['daemon', 'analyzers', 'sinks', 'demo', WORLD].flatMap((folder) =>
    sourceFiles(folder).flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith(`${WORLD}/`) && !MAY_IMPORT_WORLD.test(file))
        .concat(folder === WORLD ? importsOf(file).filter((target) => !WORLD_MAY_IMPORT.test(target)) : [])
        .map((target) => `${file} imports ${target}`),
    ),
  )
  expect(wrong).toEqual([])
})

test('no detector knows a name of the world', () => {
  const { estate, population } = new World({ seed: '1', users: 200 })
  const paths = estate.operations.map(({ template }) => template.slice(template.indexOf(' ') + 1))
  const actors = [...population.users, ...population.partners, ...population.monitors]
  const names = new Set([
    ...paths.filter((path) => path.length > 8),
    ...estate.operations.flatMap(({ service, name }) => (name === null ? service.host : [service.host, name])),
    ...actors.map(({ userAgent }) => userAgent),
  ])
  expect(names.size).toBeGreaterThan(150)
  const found = sourceFiles('analyzers').flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    return [...names].filter((name) => text.includes(name)).map((name) => `${file} has ${name}`)
  })
  expect(found).toEqual([])
})
