import { readFileSync, statSync } from 'node:fs'
import type { ValidatedConfig } from '../config/schema.ts'
import { type DescribedApi, describedApi } from '../inventory/described-api.ts'
import type { Description } from '../inventory/descriptions.ts'
import { MAX_SPEC_BYTES, readSpec, type Spec } from '../inventory/spec.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { ChangingFile } from './changing-file.ts'

/** A description changes with a release. */
const LOOK_EVERY_MS = 30_000

type Described = Pick<ValidatedConfig, 'endpoints'>

/**
 * What the files of `endpoints.descriptions` say, for as long as the process lives. One that cannot be used is told of and stops nothing: traffic
 * is watched without it, and a version of it that was good stays in force.
 */
export class DescriptionFiles {
  readonly #given: ValidatedConfig['endpoints']['descriptions']
  readonly #told: (message: string) => void
  readonly #known = new Map<string, DescribedApi>()
  readonly #files: readonly ChangingFile[]
  #current: readonly DescribedApi[]

  /** Reads them. `told` hears of those that cannot be used, and later of those that were read anew. */
  constructor({ endpoints }: Described, told: (message: string) => void) {
    this.#given = endpoints.descriptions
    this.#told = told
    this.#files = [...new Set(this.#given.map(({ file }) => file))].map((path) => new ChangingFile(path))
    for (const { path } of this.#files) this.#read(path)
    this.#current = this.#usable()
  }

  /** Another list after each change. */
  get current(): readonly DescribedApi[] {
    return this.#current
  }

  /** Reads those again that change. */
  watch(changed: (apis: readonly DescribedApi[]) => void, everyMs = LOOK_EVERY_MS): void {
    for (const file of this.#files) {
      file.watch(() => {
        if (!this.#read(file.path)) return
        this.#told(`${file.path} was read anew`)
        this.#current = this.#usable()
        changed(this.#current)
      }, everyMs)
    }
  }

  close(): void {
    for (const file of this.#files) file.close()
  }

  #usable(): DescribedApi[] {
    return this.#given.flatMap(({ file, services }) => {
      const api = this.#known.get(file)
      return api === undefined ? [] : [{ ...api, services }]
    })
  }

  /** Whether it could be read. */
  #read(file: string): boolean {
    try {
      this.#known.set(file, describedApi({ file, services: null, spec: readSpecFile(file) }))
      return true
    } catch (error) {
      const meanwhile = this.#known.has(file) ? 'the one before stays in force' : 'nothing counts as described by it'
      this.#told(`${file}: ${error instanceof Error ? error.message : String(error)}; ${meanwhile}`)
      return false
    }
  }
}

/** Those of `endpoints.descriptions`, as they are now. @throws OFFPATH_E_NO_FILE, OFFPATH_E_SPEC */
export function configuredDescriptions({ endpoints }: Described): Description[] {
  return endpoints.descriptions.map(({ file, services }) => ({ file, services, spec: readSpecFile(file) }))
}

/** @throws OFFPATH_E_NO_FILE, OFFPATH_E_SPEC */
export function readSpecFile(path: string): Spec {
  return readSpec(textOf(path), path)
}

function textOf(path: string): string {
  try {
    const { size } = statSync(path)
    // Said by the reader, which knows the limit.
    return size > MAX_SPEC_BYTES ? ' '.repeat(MAX_SPEC_BYTES + 1) : readFileSync(path, 'utf8')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_NO_FILE', `the API description cannot be read: ${(cause as Error).message}`, {
      at: path,
      remedy: 'Check the path.',
      cause,
    })
  }
}
