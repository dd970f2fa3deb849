import { buildDetection } from '../../daemon/topology/detection.ts'
import { World } from '../../world/world.ts'
import { type PlanSettings, planWorlds } from './detectors-plan.ts'
import { type Report, reportOf } from './detectors-report.ts'
import { DetectorJudge, type WorldResult } from './detectors-score.ts'
import { judgeRecords } from './run-world.ts'

export interface RunSettings extends PlanSettings {
  readonly users: number
  /** Benign ones of `worlds` worlds together; twins and the worlds that last for weeks come on top, each of these with as many as one of the others. */
  readonly requests: number
  /** Ids, or beginnings of ids, of the detectors that run; none: all. */
  readonly only: readonly string[]
}

/** What plays the world of this number. */
export type WorldPlayer = (settings: RunSettings, world: number) => Promise<WorldResult>

/** One world, through a program that knows nothing yet. */
export async function playWorld(settings: RunSettings, number: number): Promise<WorldResult> {
  const { worlds, users, requests, only } = settings
  const { seed, startUs, days, assaults, planned } = planWorlds(settings)[number]!
  const world = new World({ seed, users })
  const judge = new DetectorJudge(planned, world.imposed)
  const exchanges = world.run({ startUs, days, rate: requests / worlds / (days * 86_400), assaults })
  const cpuUs = await judgeRecords(exchanges, seed, (transaction, truth) => judge.take(transaction, truth), {
    detect: buildDetection,
    listeners: { incident: (change) => judge.incident(change) },
    deploys: world.deploys.told,
    descriptions: world.descriptions,
    only,
  })
  return judge.result(number, days, cpuUs)
}

/** All worlds, or those that are asked for, `jobs` at a time. */
export async function evaluate(
  settings: RunSettings,
  { player = playWorld, jobs = 1, chosen, progress = () => {} }: EvaluateOptions = {},
): Promise<Report> {
  const numbers = planWorlds(settings).flatMap((_, number) =>
    chosen === undefined || chosen.includes(number) ? number : [],
  )
  const results: WorldResult[] = []
  let next = 0
  let done = 0
  const work = async (): Promise<void> => {
    while (next < numbers.length) {
      const place = next++
      const number = numbers[place]!
      const result = await player(settings, number)
      results[place] = result
      const { benign, hostile, incidents } = result
      progress(
        `world ${number}, the ${++done}. of ${numbers.length}: ${benign + hostile} transactions, ${incidents} incidents`,
      )
    }
  }
  await Promise.all(Array.from({ length: Math.min(jobs, numbers.length) }, work))
  return reportOf(results)
}

interface EvaluateOptions {
  readonly player?: WorldPlayer
  readonly jobs?: number
  /** Numbers of worlds; all when it is missing. */
  readonly chosen?: readonly number[]
  readonly progress?: (text: string) => void
}
