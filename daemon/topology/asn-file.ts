import { readFileSync } from 'node:fs'
import { AsnDatabase } from '../callers/asn-database.ts'
import type { AsnSource } from '../callers/profiles.ts'
import type { Asn } from '../model/transaction.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { ChangingFile } from './changing-file.ts'

/** Such files are made anew once a day or week. */
const LOOK_EVERY_MS = 30_000

/** Whose network an address is in, by the file of `identity.asn_database`, which may be replaced meanwhile. */
export class AsnFile implements AsnSource {
  readonly #file: ChangingFile
  #database: AsnDatabase

  /** Throws OFFPATH_E_CONFIG. */
  constructor(path: string) {
    this.#file = new ChangingFile(path)
    this.#database = read(path)
  }

  of(address: string): Asn | null {
    return this.#database.of(address)
  }

  /**
   * Reads the file again when it changes; `told` what became of that. One that is no good any more, or gone, changes nothing.
   */
  watch(told: (message: string) => void, everyMs = LOOK_EVERY_MS): { close(): void } {
    const { path } = this.#file
    this.#file.watch(() => {
      try {
        this.#database = read(path)
        const { kind, madeAt } = this.#database
        told(`${path} was read anew: ${kind} of ${madeAt.toISOString().slice(0, 10)}`)
      } catch (error) {
        told(`${error instanceof Error ? error.message : String(error)} The one before stays in force.`)
      }
    }, everyMs)
    return this.#file
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
