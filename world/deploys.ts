import { MINUTE_US } from '../daemon/model/time.ts'
import type { Random } from '../demo/random.ts'
import type { Service } from './estate/operation.ts'
import type { Header } from './exchange.ts'

/** How long old and new answer side by side. */
const ROLLOUT_US = 4 * MINUTE_US

/** A release as a pipeline would tell it. */
export interface Deploy {
  readonly service: Service
  readonly version: string
  readonly atUs: number
}

interface Versions {
  number: number
  releasedUs: number
}

/** Which release of each service answers. Some say so in a header; of the others the pipeline tells. */
export class Deploys {
  readonly #of = new Map<Service, Versions>()
  /** Of services without a version header, in order. */
  readonly told: Deploy[] = []

  release(service: Service, atUs: number): void {
    const versions = this.#versionsOf(service)
    versions.number++
    versions.releasedUs = atUs
    if (service.versionHeader === null) this.told.push({ service, version: textOf(versions.number), atUs })
  }

  /** What an answer says of its release: nothing, the new one, or the old one while it is being replaced. */
  header(service: Service, random: Random, nowUs: number): Header | null {
    if (service.versionHeader === null) return null
    const { number, releasedUs } = this.#versionsOf(service)
    const isOld = nowUs - releasedUs < ROLLOUT_US && random.next() > (nowUs - releasedUs) / ROLLOUT_US
    return [service.versionHeader, textOf(isOld ? number - 1 : number)]
  }

  #versionsOf(service: Service): Versions {
    let versions = this.#of.get(service)
    if (versions === undefined) {
      versions = { number: 40, releasedUs: Number.NEGATIVE_INFINITY }
      this.#of.set(service, versions)
    }
    return versions
  }
}

function textOf(number: number): string {
  return `5.${number}.0`
}
