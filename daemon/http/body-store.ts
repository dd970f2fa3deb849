import type { BodyBuffers } from './body-buffers.ts'
import type { HttpMessage } from './message.ts'

/** First storage of a body whose length is not announced. */
const FIRST_BYTES = 512
/** Most of it that is taken on the word of an announcement alone. */
const TRUSTED_BYTES = 8192

/**
 * Appends [from, to) to the kept body of a message, up to `limit` bytes in all; what does not fit is marked as cut.
 * Storage is the message's until it is handed over: as large as announced once some of it is there, else grown by doubling.
 * Returns by how much it grew.
 */
export function keepBody(
  message: HttpMessage,
  buffers: BodyBuffers,
  limit: number,
  bytes: Buffer,
  from: number,
  to: number,
): number {
  // After a hole the rest would stand in the wrong place: keep the part before it.
  if (message.gap || message.bodyCut) {
    message.bodyCut = true
    return 0
  }
  let length = to - from
  if (message.stored + length > limit) {
    length = limit - message.stored
    message.bodyCut = true
  }
  if (length === 0) return 0
  const needed = message.stored + length
  let store = message.store
  let grown = 0
  if (store === null || store.length < needed) {
    const wanted =
      store === null
        ? Math.min(Math.max(message.announced, FIRST_BYTES), TRUSTED_BYTES)
        : Math.max(message.announced, store.length * 2)
    const larger = buffers.take(Math.max(needed, Math.min(limit, wanted)))
    grown = larger.length - (store?.length ?? 0)
    if (store !== null) {
      store.copy(larger, 0, 0, message.stored)
      buffers.giveBack(store)
    }
    store = larger
    message.store = larger
  }
  bytes.copy(store, message.stored, from, from + length)
  message.stored = needed
  return grown
}
