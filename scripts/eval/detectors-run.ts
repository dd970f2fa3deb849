import { DAY_US } from '../../daemon/model/time.ts'
import { buildDetection } from '../../daemon/topology/detection.ts'
import { World } from '../../world/world.ts'
import { type PlanSettings, planWorlds } from './detectors-plan.ts'
import { type Report, reportOf } from './detectors-report.ts'
import { DetectorJudge } from './detectors-score.ts'
import { judgeRecords } from './run-world.ts'

export interface RunSettings extends PlanSettings {
  readonly users: number
  /** Benign ones, of all worlds together; twins come on top. */
  readonly requests: number
}

/** Several worlds one after the other, each through a program that knows nothing yet. */
export async function evaluate(settings: RunSettings, progress: (text: string) => void = () => {}): Promise<Report> {
  const { worlds, days, users, requests } = settings
  const judges: DetectorJudge[] = []
  let cpu = 0
  for (const plan of planWorlds(settings)) {
    const judge = new DetectorJudge(plan.planned)
    const world = new World({ seed: plan.seed, users })
    const { startUs, assaults } = plan
    const exchanges = world.run({ startUs, days, rate: requests / worlds / (days * 86_400), assaults })
    cpu += await judgeRecords(exchanges, plan.seed, (transaction, truth) => judge.take(transaction, truth), {
      detect: buildDetection,
      listeners: { incident: (change) => judge.incident(change) },
    })
    judges.push(judge)
    progress(
      `world ${judges.length} of ${worlds}: ${judge.benign + judge.hostile} transactions, ${judge.incidents} incidents`,
    )
  }
  return reportOf(judges, worlds * days * DAY_US, cpu)
}
