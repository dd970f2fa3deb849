import { z } from 'zod'
import type { DeployMark } from '../../../daemon/model/deploy.ts'
import { type EventTime, HOUR_US, SECOND_US } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { KeyedEntry, KeyedTable, type Occupancy } from '../../baselines/keyed-table.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { hash32, text, time } from '../../baselines/state.ts'

/** A release that explains what changed after it. */
export interface Release {
  /** Of the mark; null where only a header told of it. */
  readonly id: string | null
  readonly version: string
  readonly commit: string | null
  readonly at: EventTime
}

/** What services say of their own version in answers. `x-api-version` is none: it names the interface. */
const HEADERS: ReadonlySet<string> = new Set([
  'x-version',
  'x-app-version',
  'x-service-version',
  'x-release',
  'x-release-id',
  'x-build',
  'x-build-id',
  'x-revision',
  'x-git-commit',
  'x-commit',
])
/** Answers of a service whose headers are worth a look: one in so long. */
export const LOOK_EVERY_US = SECOND_US
/** Versions of a service that are remembered: while a release is rolled out the old one goes on answering. */
const MAX_VERSIONS = 16
/** A header that is new so often names no version. */
const MAX_NEW_PER_DAY = 8
const MAX_VERSION = 64
const DAY_US = 24 * HOUR_US

const ReleaseState = z.tuple([text.nullable(), text, text.nullable(), time])
/** Latest release, versions seen, begin of the day that is counted, new ones in it. */
const ServiceState = z.tuple([ReleaseState.nullable(), z.array(hash32).max(MAX_VERSIONS), time, z.int().min(0)])
export const ReleasesState = z.tuple([z.literal('release'), KeyedEntry])

interface Versions {
  latest: Release | null
  seen: number[]
  dayFrom: EventTime
  newToday: number
}

/**
 * The latest release of each service: as its pipeline marked it (`offpath deploy mark`), or as a version header shows it.
 *
 * Memory     `limit` services, 0.3 KiB each
 */
export class Releases {
  readonly #services: KeyedTable<Versions>

  constructor(limit: number) {
    this.#services = new KeyedTable(limit, () => ({ latest: null, seen: [], dayFrom: 0, newToday: 0 }))
  }

  get occupancy(): Occupancy {
    return this.#services.occupancy
  }

  /** The latest of this service if it is at most `withinUs` old; else null. */
  latest(service: string, now: EventTime, withinUs: EventTime): Release | null {
    const latest = this.#services.peek(service)?.latest ?? null
    return latest !== null && latest.at <= now && now - latest.at <= withinUs ? latest : null
  }

  mark({ id, service, version, commit, at }: DeployMark): void {
    const versions = this.#services.use(service)
    if (versions.latest?.id === id) return
    versions.latest = { id, version, commit, at }
    this.#remember(versions, hashText(version))
  }

  /** Reads the version header of an answer (LOOK_EVERY_US); true when it tells of a release. */
  look(tx: Transaction, service: string, now: EventTime): boolean {
    const versions = this.#services.use(service)
    const header = tx.responseHeaders.find(([name]) => HEADERS.has(name.toLowerCase()))
    if (header === undefined) return false
    const version = header[1].slice(0, MAX_VERSION)
    const hash = hashText(version)
    if (versions.seen.includes(hash)) return false
    const isFirst = versions.seen.length === 0
    this.#remember(versions, hash)
    if (now - versions.dayFrom >= DAY_US) {
      versions.dayFrom = now
      versions.newToday = 0
    }
    if (isFirst) return false
    if (++versions.newToday > MAX_NEW_PER_DAY) {
      // It names something else, and what it told before was no release either.
      if (versions.latest?.id === null) versions.latest = null
      return false
    }
    versions.latest = { id: null, version, commit: null, at: now }
    return true
  }

  *snapshot(): IterableIterator<z.infer<typeof ReleasesState>> {
    const toState = ({ latest, seen, dayFrom, newToday }: Versions): z.infer<typeof ServiceState> => [
      latest === null ? null : [latest.id, latest.version, latest.commit, latest.at],
      seen,
      dayFrom,
      newToday,
    ]
    for (const entry of this.#services.entries(toState)) yield ['release', entry]
  }

  restore([, entry]: z.infer<typeof ReleasesState>): void {
    const [latest, seen, dayFrom, newToday] = ServiceState.parse(entry[4])
    const [id = null, version = '', commit = null, at = 0] = latest ?? []
    this.#services.restore(entry, {
      latest: latest === null ? null : { id, version, commit, at },
      seen,
      dayFrom,
      newToday,
    })
  }

  #remember(versions: Versions, hash: number): void {
    versions.seen = [...versions.seen.slice(-(MAX_VERSIONS - 1)), hash]
  }
}

/** ` since release 2.4.1 (9fceb02)`, or nothing. */
export function sinceRelease(release: Release | null): string {
  if (release === null) return ''
  return ` since release ${release.version}${release.commit === null ? '' : ` (${release.commit})`}`
}

/** What the evidence of a finding says of the release it follows. */
export function releaseEvidence(release: Release | null): Record<string, string | null> {
  if (release === null) return {}
  return { release: release.version, commit: release.commit, release_mark: release.id }
}
