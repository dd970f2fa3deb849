import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8'

/** How far a heap may grow past what lived at its last collection. */
interface Growth {
  readonly fromBytes: number
  readonly percent: number
}

const MIB = 1024 * 1024
/**
 * A small heap may grow far: collecting one of a few dozen MB more often costs a sixth of all time, and saves little. By how much is
 * said all the same, since what V8 would choose depends on how fast the machine has just collected.
 */
const GROWTHS: readonly Growth[] = [
  { fromBytes: 0, percent: 300 },
  { fromBytes: 96 * MIB, percent: 50 },
]
/** Of both halves of the young generation. V8's own bound is twice that. */
const YOUNG_BYTES = 16 * MIB
const LOOK_EVERY_MS = 100

/**
 * V8 sizes a heap by the machine: with 24 GB of memory it waits until four times as much is in use as lived before it looks
 * again, so a flood of callers of whom 300 MB are kept took 1.2 GB (measured; 0.6 GB with this). Every limit of ours counts what
 * lives, so once a heap is no longer small, what does not live must go soon for the process to stay within its budget. Holds for
 * every thread of the process, from its next collection on; no output depends on it.
 */
export class HeapGrowth {
  /** Who starts the process with a growth of their own gets that. */
  #next = process.execArgv.some((flag) => flag.startsWith('--heap-growing-percent=')) ? GROWTHS.length : 0

  constructor() {
    this.look()
  }

  /** To be called whenever some MB may have been added. */
  look(): void {
    const next = GROWTHS[this.#next]
    if (next === undefined || getHeapStatistics().total_heap_size < next.fromBytes) return
    setFlagsFromString(`--heap-growing-percent=${next.percent}`)
    this.#next++
  }
}

/** The same by the clock, for what is captured as it comes. */
export function boundHeapGrowth(): void {
  const growth = new HeapGrowth()
  setInterval(() => growth.look(), LOOK_EVERY_MS).unref()
}

/**
 * Keeps the young generation of a process that is started without flags at half the size it would reach whatever the traffic is: 16 MB
 * less for 1.5 % more instructions. What is young lives for microseconds or, in a connection that waits, for longer than either size.
 */
export class YoungGeneration {
  #bound = false

  /** To be called every few hundred pairs: it doubles no sooner than as much as it is has lived through collections. */
  look(): void {
    if (this.#bound) return
    const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')
    if (young === undefined || young.space_size < YOUNG_BYTES) return
    setFlagsFromString('--semi-space-growth-factor=1')
    this.#bound = true
  }
}
