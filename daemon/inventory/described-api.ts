import type { Description } from './descriptions.ts'

/** What a description says as far as it takes to know its operations again: plain data, which crosses processes. */
export interface DescribedApi {
  readonly file: string
  /** Null: the services of its servers where one was seen, else all. */
  readonly services: readonly string[] | null
  /** Of its servers. */
  readonly hosts: readonly string[]
  readonly operations: readonly { readonly method: string; readonly path: string; readonly deprecated: boolean }[]
}

export function describedApi({ file, services, spec }: Description): DescribedApi {
  return {
    file,
    services,
    hosts: spec.hosts,
    operations: spec.operations.map(({ method, path, deprecated }) => ({ method, path, deprecated })),
  }
}
