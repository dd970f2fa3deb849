import { setImmediate } from 'node:timers/promises'

/** Control must answer to signals, timers and other requests all the while. */
const LONGEST_MS = 3

/**
 * For a loop over many entries: `await turn()` after each lets whatever else waits have its turn when the loop has held the thread
 * for long enough, and costs next to nothing else.
 */
export function takingTurns(): () => Promise<void> | undefined {
  let since = performance.now()
  return () => {
    if (performance.now() - since < LONGEST_MS) return undefined
    return setImmediate().then(() => {
      since = performance.now()
    })
  }
}
