import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8'

/** How far a heap may grow past what lived at its last collection, in percent. */
const GROWTH_PERCENT = 50
/**
 * A heap below this size may grow as V8 likes: collecting one of a few dozen MB more often costs a sixth of all time, and saves little. From
 * here on it costs a twentieth and saves a fifth of what is resident (all detectors, 200,000 pairs: 393 to 317 MB).
 */
const SMALL_HEAP_BYTES = 128 * 1024 * 1024
const LOOK_EVERY_MS = 100

/**
 * V8 sizes a heap by the machine: with 24 GB of memory it waits until four times as much is in use as lived before it looks
 * again, so a flood of callers of whom 300 MB are kept took 1.2 GB (measured; 0.6 GB with this). Every limit of ours counts what
 * lives, so once a heap is no longer small, what does not live must go soon for the process to stay within its budget. Holds for
 * every thread of the process, from its next collection on; no output depends on it.
 */
export function boundHeapGrowth(): void {
  const timer = setInterval(() => {
    if (getHeapStatistics().total_heap_size < SMALL_HEAP_BYTES) return
    setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
    clearInterval(timer)
  }, LOOK_EVERY_MS)
  timer.unref()
}

/** Of both halves of the young generation. V8's own bound is twice that. */
const YOUNG_BYTES = 16 * 1024 * 1024
/** It doubles no sooner than as much as it is has lived through collections, which takes longer. */
const LOOK_AT_YOUNG_EVERY_MS = 20

/**
 * Keeps the young generation of a process that is started without flags at half the size it would reach whatever the traffic is: 16 MB
 * less for 1.5 % more instructions. What is young lives for microseconds or, in a connection that waits, for longer than either size.
 */
export function boundYoungGeneration(): void {
  const timer = setInterval(() => {
    const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')
    if (young === undefined || young.space_size < YOUNG_BYTES) return
    setFlagsFromString('--semi-space-growth-factor=1')
    clearInterval(timer)
  }, LOOK_AT_YOUNG_EVERY_MS)
  timer.unref()
}
