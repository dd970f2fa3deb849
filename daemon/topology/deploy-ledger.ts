import { createHash } from 'node:crypto'
import { deployJson, newestDeploys } from '../api/json-forms.ts'
import type { DeployJson, DeployRequest } from '../api/operations.ts'
import type { DurableMap } from '../durable/durable-map.ts'
import type { DeployMark } from '../model/deploy.ts'
import { OffpathError } from '../telemetry/errors.ts'

/** More than a detector compares; older ones are history. */
const MOST_KEPT = 1000

/** The releases that were marked, kept in the data folder and handed to the engine. */
export class DeployLedger {
  readonly #marks: DurableMap<DeployMark>
  readonly #nowMs: () => number
  readonly #tell: (mark: DeployMark) => void
  readonly #refused: string | null

  /** `refused`: why nothing can be compared here, if so. */
  constructor(options: {
    readonly marks: DurableMap<DeployMark>
    readonly nowMs: () => number
    readonly tell: (mark: DeployMark) => void
    readonly refused: string | null
  }) {
    this.#marks = options.marks
    this.#nowMs = options.nowMs
    this.#tell = options.tell
    this.#refused = options.refused
  }

  /** Oldest first. */
  all(): readonly DeployMark[] {
    return [...this.#marks.values()]
  }

  list(): readonly DeployJson[] {
    return newestDeploys(this.#marks.values())
  }

  /** Told again by a pipeline that retries, the newest release of a service is the same one. */
  async mark({ service, version, commit, who }: DeployRequest): Promise<DeployJson> {
    if (this.#refused !== null) {
      throw new OffpathError('OFFPATH_E_STATE', this.#refused, { remedy: 'Mark it at the analyzers.' })
    }
    const newest = this.all().findLast((mark) => mark.service === service)
    if (newest?.version === version && newest.commit === (commit ?? null)) return deployJson(newest)
    const at = Math.max(this.#nowMs() * 1000, (newest?.at ?? 0) + 1)
    const id = createHash('sha256')
      .update([service, version, String(at)].join('\0'))
      .digest('hex')
      .slice(0, 26)
    const mark: DeployMark = { id, service, version, commit: commit ?? null, at, who }
    // Before it is on disk nobody is told that it was taken.
    await this.#marks.set(id, mark)
    this.#tell(mark)
    for (const old of this.all().slice(0, -MOST_KEPT)) await this.#marks.delete(old.id)
    return deployJson(mark)
  }
}
