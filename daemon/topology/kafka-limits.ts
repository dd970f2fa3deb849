/** Most bytes of one record in a topic, published or read. A file of its own: who publishes need not load what reads. */
export const MAX_RECORD_BYTES = 4 * 1024 * 1024
