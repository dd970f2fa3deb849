import type { FromStore, ToStore } from './store-protocol.ts'
import { StoreServer, type StoreServerHooks } from './store-server.ts'

/** Connects a store server to the channel that control started this process with. It ends when it is closed, or with control. */
export function serveStore(hooks: StoreServerHooks = {}): void {
  const server = new StoreServer((message: FromStore) => {
    // A channel that breaks just now is told by its end; without a callback it would end this process before its work is done.
    if (process.connected) process.send?.(message, undefined, {}, () => undefined)
  }, hooks)

  process.on('message', (message: ToStore) => {
    void server.take(message).then(() => {
      // The last answers must have left before the channel goes.
      if (message.kind === 'close') process.send?.(null, undefined, {}, () => process.exit(0))
    })
  })
  process.on('disconnect', () => {
    // What was handed over is sealed; an insert under way is repeated by the next process.
    setTimeout(() => process.exit(0), ORPHAN_MS).unref()
    void server.close(0).finally(() => process.exit(0))
  })
  // Control decides when to end: a terminal's Ctrl-C reaches the whole process group.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
}

const ORPHAN_MS = 5000
