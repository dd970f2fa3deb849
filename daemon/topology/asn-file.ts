import { readFileSync, type Stats, unwatchFile, watchFile } from 'node:fs'
import { AsnDatabase } from '../callers/asn-database.ts'
import type { AsnSource } from '../callers/profiles.ts'
import type { Asn } from '../model/transaction.ts'
import { OffpathError } from '../telemetry/errors.ts'

/** Such files are made anew once a day or week. */
const LOOK_EVERY_MS = 30_000

/** Whose network an address is in, by the file of `identity.asn_database`, which may be replaced meanwhile. */
export class AsnFile implements AsnSource {
  readonly #path: string
  #database: AsnDatabase

  /** Throws OFFPATH_E_CONFIG. */
  constructor(path: string) {
    this.#path = path
    this.#database = read(path)
  }

  of(address: string): Asn | null {
    return this.#database.of(address)
  }

  /**
   * Reads the file again when it changes; `told` what became of that. One that is no good any more, or gone, changes nothing. Looks at it now
   * and then, which works where it is replaced as a whole, or lies on another machine.
   */
  watch(told: (message: string) => void, everyMs = LOOK_EVERY_MS): { close(): void } {
    const path = this.#path
    const look = (now: Stats, before: Stats) => {
      if (now.mtimeMs === before.mtimeMs && now.size === before.size && now.ino === before.ino) return
      try {
        this.#database = read(path)
        const { kind, madeAt } = this.#database
        told(`${path} was read anew: ${kind} of ${madeAt.toISOString().slice(0, 10)}`)
      } catch (error) {
        told(`${error instanceof Error ? error.message : String(error)} The one before stays in force.`)
      }
    }
    watchFile(path, { persistent: false, interval: everyMs }, look)
    return { close: () => unwatchFile(path, look) }
  }
}

function read(path: string): AsnDatabase {
  try {
    return new AsnDatabase(readFileSync(path))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OffpathError('OFFPATH_E_CONFIG', `The networks in ${path} cannot be used: ${reason}.`, {
      at: 'identity.asn_database',
      remedy: 'Name an MMDB file of autonomous systems, such as GeoLite2-ASN.mmdb, that the daemon may read.',
      cause,
    })
  }
}
