import { principalKey } from '../../analyzers/baselines/principal-key.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import type { BuiltDetection } from '../../daemon/topology/assemble.ts'
import { buildDetection } from '../../daemon/topology/detection.ts'
import { DEFAULT_START_US, World } from '../../world/world.ts'
import { type Calibration, CalibrationJudge } from './calibration-score.ts'
import { judgeRecords } from './run-world.ts'

export interface CalibrationSettings {
  readonly seed: string
  readonly worlds: number
  readonly days: number
  readonly users: number
  /** Of all worlds together. */
  readonly requests: number
}

export interface CalibrationReport {
  readonly transactions: number
  readonly detectors: readonly Calibration[]
}

/** Worlds without any attack, each through a program that knows nothing yet. */
export async function calibrate(
  { seed, worlds, days, users, requests }: CalibrationSettings,
  progress: (text: string) => void = () => {},
): Promise<CalibrationReport> {
  const judge = new CalibrationJudge()
  let transactions = 0
  for (let number = 0; number < worlds; number++) {
    const name = `${seed}-${number}`
    const world = new World({ seed: name, users })
    const callers = new Set<string>()
    let built: BuiltDetection | null = null
    const exchanges = world.run({
      startUs: DEFAULT_START_US,
      days,
      rate: requests / worlds / (days * 86_400),
      assaults: [],
    })
    await judgeRecords(
      exchanges,
      name,
      ({ principal }) => {
        transactions++
        callers.add(principalKey(principal))
      },
      {
        detect: (request, telemetry) => {
          built = buildDetection(request, telemetry)
          return built
        },
        listeners: { signal: (signal) => judge.signal(name, signal) },
        deploys: world.deploys.told,
      },
    )
    const { detectors } = (built as unknown as BuiltDetection).detection
    judge.world(
      detectors.states().map(({ id }) => id),
      detectors.sizes(),
      callers.size,
    )
    progress(`world ${number + 1} of ${worlds}: ${transactions} transactions so far`)
  }
  return { transactions, detectors: judge.result(reportOf) }
}

/** The option `report` of a detector, by default; those without one tell what is certain. */
function reportOf(id: string): number {
  const declaration = DETECTORS.find((each) => each.id === id)!
  const { report } = declaration.options.parse({}) as { readonly report?: unknown }
  return typeof report === 'number' ? report : 1
}
