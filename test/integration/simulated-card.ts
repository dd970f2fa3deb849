import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { replay } from '../../daemon/topology/replay.ts'
import { plantAttacks } from '../../demo/attacks.ts'
import { dayLines } from '../../demo/day.ts'
import { plantedAttack } from '../../demo/demo.ts'
import type { Renames } from '../../demo/routes.ts'
import { SampleApi } from '../../demo/sample-api.ts'
import { type Scorecard, scorecard } from '../../demo/scorecard.ts'
import { type Play, simulate } from '../../demo/simulation.ts'
import { Devices, visitsOfScene } from '../../demo/visits.ts'
import { createWorld } from '../../demo/world.ts'

export const START_MS = Date.UTC(2026, 10, 20, 14, 0, 0)
const SCENE_MS = 24_000

/**
 * The demo's whole card without sockets: day and scene in simulated time, written as native transactions and replayed
 * with the shipped defaults. `startMs`: when the day ends and the scene begins, which draws both.
 */
export async function cardOf(
  seed: string,
  renames: Renames,
  port: number,
  withAttacks = true,
  startMs = START_MS,
): Promise<Scorecard> {
  const world = createWorld(seed, renames)
  const day = dayLines({ world, endMs: startMs, port })
  const attacks = withAttacks ? plantAttacks(world) : []
  const bad = new Set(plantAttacks(world).flatMap((attack) => attack.attackers.map(({ value }) => value)))
  const runs = attacks.map((attack) => ({ attack, firstMs: 0, lastMs: 0 }))
  const plays: Play[] = visitsOfScene(world, new Devices(startMs), SCENE_MS, bad).map((visit) => ({
    startMs: startMs + visit.startMs,
    begin: visit.begin,
  }))
  for (const run of runs) {
    for (const script of run.attack.scripts) {
      plays.push({
        startMs: startMs + run.attack.startMs,
        begin: () => script,
        onRequest: (atMs) => {
          run.firstMs ||= atMs
          run.lastMs = atMs
        },
      })
    }
  }
  const scene = simulate(new SampleApi(world), plays, { host: world.host, port, endMs: startMs + SCENE_MS })
  const folder = mkdtempSync(join(tmpdir(), 'offpath-card-'))
  const file = join(folder, `${seed}-${port}.jsonl`)
  writeFileSync(file, `${[...day, ...scene].join('\n')}\n`)
  const complaints: string[] = []
  const summary = await replay({
    files: [file],
    emit: 'summary',
    bodies: 'text',
    config: effectiveConfig(CONFIG_SCHEMA, null).config,
    key: TEST_KEY,
    speed: 'max',
    write: () => undefined,
    warn: (message) => complaints.push(message),
    stop: new AbortController().signal,
  })
  rmSync(folder, { recursive: true })
  if (complaints.length > 0) throw new Error(complaints.join('\n'))
  return scorecard(
    runs.map((run) => plantedAttack(world, TEST_KEY, run.attack, run)),
    summary.incidents,
  )
}
