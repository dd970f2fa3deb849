/** One surface that bytes of strangers reach. Whatever the bytes: `run` ends, does not throw, and its ledgers add up. */
export interface FuzzTarget {
  readonly name: string
  /** Inputs that are right, to begin from. Read once. */
  corpus(): Buffer[]
  /** Another input from these, decided by `random` alone. */
  mutate(random: () => number, corpus: readonly Buffer[]): Buffer
  run(input: Buffer): void | Promise<void>
}

/** Thrown by `run` where what came out is wrong. */
export class Violation extends Error {}

export function demand(holds: boolean, what: string): void {
  if (!holds) throw new Violation(what)
}
