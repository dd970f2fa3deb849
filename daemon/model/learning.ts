/** A part of what is learnt, kept and put back as a whole: it is there, or begins anew. */
export interface LearningPart {
  readonly name: string
  /** Of its lines: others are not read. */
  readonly version: number
  /** Plain JSON values, the same for the same learning; each is made when it is asked for, and others may be learnt meanwhile. */
  snapshot(): Iterable<unknown>
  /** Puts back one value of `snapshot`, in its order, before anything is learnt. Throws when it is none. */
  restore(line: unknown): void
  /** Begins anew. */
  reset(): void
}
