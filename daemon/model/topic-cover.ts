/** How far one partition of a topic had got into what is kept, when that was kept. */
export interface TopicCover {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** Nothing from this offset on was read. */
  readonly reach: number
  /** Before it, these were read and are not in it yet. */
  readonly open: readonly number[]
}
