import { setImmediate as nextTurn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { fuzzInput } from './fuzz-input.ts'
import { targetNamed } from './targets/registry.ts'

/** What the watching thread gives. `progress[0]`: the index under way; `progress[1]`: set to 1 to stop. */
export interface FuzzOrder {
  readonly target: string
  readonly seed: number
  readonly from: number
  readonly progress: Int32Array
}

const TURN = 16

const { target: name, seed, from, progress } = workerData as FuzzOrder
const target = targetNamed(name)!
const corpus = target.corpus()
let index = from
for (; progress[1] === 0; index++) {
  Atomics.store(progress, 0, index)
  // What libraries put off to the next turn of the loop has to come about, as in a daemon.
  if (index % TURN === 0) await nextTurn()
  try {
    await target.run(fuzzInput(target, corpus, seed, index))
  } catch (error) {
    parentPort!.postMessage({ index, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}
parentPort!.postMessage({ done: index })
