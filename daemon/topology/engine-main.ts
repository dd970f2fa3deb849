import { Engine } from './engine.ts'
import type { FromEngine, ToEngine } from './engine-protocol.ts'
import { boundHeapGrowth } from './heap-growth.ts'
import { boundInlining } from './inlining.ts'

/** Entry of the engine process; control starts it with a message channel. It ends with its work, or with control. */
boundHeapGrowth()
boundInlining()
const engine = new Engine(tell)

process.on('message', (message: ToEngine) => {
  void engine.take(message).then(() => {
    // The last message must have left before the channel goes.
    if (message.kind === 'start') process.send?.(null, undefined, {}, () => process.disconnect())
  })
})
process.on('disconnect', () => process.exit(0))
// Control decides when to end: a terminal's Ctrl-C reaches the whole process group.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)

function tell(message: FromEngine): void {
  process.send?.(message)
}
