export type NotSealedReason = 'disk_full' | 'too_large' | 'shed' | 'closed'

const MEANING: Record<NotSealedReason, string> = {
  disk_full: 'the disk refused the spool',
  too_large: 'the batch is larger than the whole spool',
  shed: 'the store process did not take it in time',
  closed: 'the store is closed',
}

/**
 * A batch was not sealed, and is not acknowledged. It is counted already (not so `closed`): whoever reads live traffic goes
 * on, whoever can wait or read again does so.
 */
export class NotSealed extends Error {
  override readonly name = 'NotSealed'
  readonly reason: NotSealedReason

  constructor(reason: NotSealedReason, cause?: Error) {
    super(`${MEANING[reason]}${cause === undefined ? '' : `: ${cause.message}`}`, cause === undefined ? {} : { cause })
    this.reason = reason
  }
}
