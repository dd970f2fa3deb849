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
  /** Where analyzers that divide one input count together; without it each knows its own callers only. */
  readonly shared?: SharedLearning | undefined
}

/**
 * What several analyzers learn of the same endpoints and services, counted together: own + others'. What others told is kept apart,
 * is in no snapshot, and is never told again, so nothing counts twice whoever asks how often.
 */
export interface SharedLearning {
  /** Of its lines: others are not heard. */
  readonly version: number
  /** What was learnt here, and here only: plain JSON values, as of `snapshot`. */
  tell(): Iterable<unknown>
  /** The lines of all others together, in the place of what they had told before. Throws at one that is none: then hear those of the rest. */
  hear(lines: Iterable<unknown>): void
}
