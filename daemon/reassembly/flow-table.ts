import type { Segment } from '../decode/segment.ts'
import type { EventTime } from '../model/time.ts'
import type { Flow } from './flow.ts'
import type { Direction } from './stream.ts'

/** One row is 16 words, one cache line, of which two are spare. Side 0 is the flow's initiator where known. */
const ROW = 16
const SIDE1 = 4
const PORTS = 8
const HASH = 9
const SEQ0 = 10
const STATE = 12
const VNI = 13

/** Words of a row's links. */
const LINKS = 2
const PREVIOUS = 0
const NEXT = 1

/** `state` bits: what is known of a flow that has carried no bytes yet, or no longer does. */
export const SEQ0_KNOWN = 1
export const SEQ1_KNOWN = 2
/** Over; remembered so that late copies of its segments do not open it again. */
export const CLOSED = 4
/** A copy of its segments came with another tag (VLAN, VNI): both are one connection. */
const JOINED = 16
/** Has the addresses and ports of another row, and stands under a hash of its own. */
const APART = 32

/** The two age lists a flow can stand in: half-open and closed ones live shorter and are evicted first. */
export const BRIEF = 0
export const LASTING = 1
export type Age = typeof BRIEF | typeof LASTING
const LASTING_BIT = 8
const VLAN_SHIFT = 8

const NONE = -1

/**
 * The flows of one shard: an open-addressing table of numeric keys (linear probing, at most half full) over dense rows
 * in typed arrays. String keys would cost more than all the rest of reassembly (docs/performance.md). A row is found
 * from either end. Rows also form two lists, oldest activity first, so expiry never scans.
 *
 * A row alone is all that a half-open or closed flow costs; `flows` holds the state of those that carry bytes.
 */
export class FlowTable {
  readonly flows: (Flow | null)[] = []
  /** Event time of the last segment, and capture time of the first, per row. */
  lastSeen: Float64Array
  firstTime: Float64Array
  count = 0
  briefCount = 0
  /** Rows that stand beside another of the same addresses and ports. */
  apartCount = 0
  /** The hash that `add` is to take for one of a row apart. */
  apartHash = 0
  /** The direction of the segment that `find` found a row for. */
  direction: Direction = 0
  #rows: Int32Array
  /**
   * The rows before and after each in its age list; of a free row, the next free one. Apart from the rows: each segment links its
   * row anew, which would fetch those of two other flows, while all the links together stay in the cache.
   */
  #links: Int32Array
  /** Row + 1 by hash; 0 is free. */
  #index: Int32Array
  #mask: number
  #capacity: number
  #used = 0
  #free = NONE
  readonly #heads = [NONE, NONE]
  readonly #tails = [NONE, NONE]

  constructor(capacity = 64) {
    this.#capacity = capacity
    this.#rows = new Int32Array(capacity * ROW)
    this.#links = new Int32Array(capacity * LINKS)
    this.lastSeen = new Float64Array(capacity)
    this.firstTime = new Float64Array(capacity)
    this.#index = new Int32Array(capacity * 2)
    this.#mask = capacity * 2 - 1
  }

  /** The row of the segment's flow, or -1. Sets `direction`. */
  find(segment: Segment, hash: number): number {
    const rows = this.#rows
    const index = this.#index
    const mask = this.#mask
    for (let place = hash & mask; index[place] !== 0; place = (place + 1) & mask) {
      const row = index[place]! - 1
      const base = row * ROW
      if (rows[base + HASH] !== hash) continue
      const ports = rows[base + PORTS]
      if (
        ports === ((segment.srcPort << 16) | segment.dstPort) &&
        this.#isAt(base, segment.src0, segment.src1, segment.src2, segment.src3) &&
        this.#isAt(base + SIDE1, segment.dst0, segment.dst1, segment.dst2, segment.dst3)
      ) {
        this.direction = 0
        return row
      }
      if (
        ports === ((segment.dstPort << 16) | segment.srcPort) &&
        this.#isAt(base, segment.dst0, segment.dst1, segment.dst2, segment.dst3) &&
        this.#isAt(base + SIDE1, segment.src0, segment.src1, segment.src2, segment.src3)
      ) {
        this.direction = 1
        return row
      }
    }
    return NONE
  }

  /** Adds the segment's flow, whose sender is side `direction`, to the brief list. It must not be there yet. */
  add(segment: Segment, hash: number, direction: Direction, time: EventTime, now: EventTime): number {
    const row = this.#takeRow()
    const rows = this.#rows
    const base = row * ROW
    const source = base + direction * SIDE1
    const target = base + (1 - direction) * SIDE1
    rows[source] = segment.src0
    rows[source + 1] = segment.src1
    rows[source + 2] = segment.src2
    rows[source + 3] = segment.src3
    rows[target] = segment.dst0
    rows[target + 1] = segment.dst1
    rows[target + 2] = segment.dst2
    rows[target + 3] = segment.dst3
    rows[base + PORTS] =
      direction === 0 ? (segment.srcPort << 16) | segment.dstPort : (segment.dstPort << 16) | segment.srcPort
    rows[base + HASH] = hash
    const isApart = hash === this.apartHash
    if (isApart) this.apartCount++
    rows[base + STATE] = ((segment.vlan + 1) << VLAN_SHIFT) | (isApart ? APART : 0)
    rows[base + VNI] = segment.vni
    this.flows[row] = null
    this.firstTime[row] = time
    this.lastSeen[row] = now
    this.direction = direction
    this.#append(row, BRIEF)
    this.count++
    let place = hash & this.#mask
    while (this.#index[place] !== 0) place = (place + 1) & this.#mask
    this.#index[place] = row + 1
    return row
  }

  remove(row: number): void {
    this.#unlink(row)
    this.#removeFromIndex(row)
    this.flows[row] = null
    if ((this.#rows[row * ROW + STATE]! & APART) !== 0) this.apartCount--
    this.#links[row * LINKS + NEXT] = this.#free
    this.#free = row
    this.count--
  }

  /** Marks activity: the row becomes the youngest of its list, or of another. */
  touch(row: number, now: EventTime, age = this.ageOf(row)): void {
    this.lastSeen[row] = now
    if (this.#tails[age] === row) return
    if (this.ageOf(row) === age) this.#toEnd(row, age)
    else {
      this.#unlink(row)
      this.#append(row, age)
    }
  }

  moveTo(age: Age, row: number): void {
    if (this.ageOf(row) === age) return
    this.#unlink(row)
    this.#append(row, age)
  }

  ageOf(row: number): Age {
    return (this.#rows[row * ROW + STATE]! & LASTING_BIT) === 0 ? BRIEF : LASTING
  }

  /** The row with the oldest activity, or -1. */
  oldest(age: Age): number {
    return this.#heads[age]!
  }

  state(row: number): number {
    return this.#rows[row * ROW + STATE]! & (SEQ0_KNOWN | SEQ1_KNOWN | CLOSED)
  }

  setClosed(row: number): void {
    this.#rows[row * ROW + STATE]! |= CLOSED
  }

  /** The next sequence number expected from a side, when its `SEQ*_KNOWN` bit is set. */
  nextSeq(row: number, direction: Direction): number {
    return this.#rows[row * ROW + SEQ0 + direction]!
  }

  setNextSeq(row: number, direction: Direction, seq: number): void {
    const base = row * ROW
    this.#rows[base + SEQ0 + direction] = seq
    this.#rows[base + STATE]! |= direction === 0 ? SEQ0_KNOWN : SEQ1_KNOWN
  }

  /** Word 0..3 of a side's address. */
  address(row: number, side: Direction, word: number): number {
    return this.#rows[row * ROW + side * SIDE1 + word]!
  }

  /** That of side 0 in the upper half, that of side 1 in the lower one. */
  ports(row: number): number {
    return this.#rows[row * ROW + PORTS]!
  }

  /** Whether the segment carries another tag than the first one of the row did. */
  hasOtherTag(row: number, segment: Segment): boolean {
    const base = row * ROW
    const rows = this.#rows
    return rows[base + VNI] !== segment.vni || rows[base + STATE]! >>> VLAN_SHIFT !== segment.vlan + 1
  }

  isJoined(row: number): boolean {
    return (this.#rows[row * ROW + STATE]! & JOINED) !== 0
  }

  setJoined(row: number): void {
    this.#rows[row * ROW + STATE]! |= JOINED
  }

  vlan(row: number): number {
    return (this.#rows[row * ROW + STATE]! >>> VLAN_SHIFT) - 1
  }

  vni(row: number): number {
    return this.#rows[row * ROW + VNI]!
  }

  #isAt(at: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const rows = this.#rows
    return rows[at + 3] === w3 && rows[at + 2] === w2 && rows[at + 1] === w1 && rows[at] === w0
  }

  #takeRow(): number {
    if (this.#free !== NONE) {
      const row = this.#free
      this.#free = this.#links[row * LINKS + NEXT]!
      return row
    }
    if (this.#used === this.#capacity) this.#grow()
    return this.#used++
  }

  #grow(): void {
    this.#capacity *= 2
    const rows = new Int32Array(this.#capacity * ROW)
    rows.set(this.#rows)
    this.#rows = rows
    const links = new Int32Array(this.#capacity * LINKS)
    links.set(this.#links)
    this.#links = links
    const lastSeen = new Float64Array(this.#capacity)
    lastSeen.set(this.lastSeen)
    this.lastSeen = lastSeen
    const firstTime = new Float64Array(this.#capacity)
    firstTime.set(this.firstTime)
    this.firstTime = firstTime

    const old = this.#index
    this.#index = new Int32Array(this.#capacity * 2)
    this.#mask = this.#capacity * 2 - 1
    for (const entry of old) {
      if (entry === 0) continue
      let place = rows[(entry - 1) * ROW + HASH]! & this.#mask
      while (this.#index[place] !== 0) place = (place + 1) & this.#mask
      this.#index[place] = entry
    }
  }

  /** Linear probing without tombstones: entries behind the hole move up when their own place allows it. */
  #removeFromIndex(row: number): void {
    const index = this.#index
    const mask = this.#mask
    let hole = this.#rows[row * ROW + HASH]! & mask
    while (index[hole] !== row + 1) hole = (hole + 1) & mask
    for (let place = (hole + 1) & mask; index[place] !== 0; place = (place + 1) & mask) {
      const home = this.#rows[(index[place]! - 1) * ROW + HASH]! & mask
      if (((place - home) & mask) < ((place - hole) & mask)) continue
      index[hole] = index[place]!
      hole = place
    }
    index[hole] = 0
  }

  /** Moves a row that is not the last of its list there. Its state stays, and so no line of the cache but of the links is written. */
  #toEnd(row: number, age: Age): void {
    const links = this.#links
    const at = row * LINKS
    const previous = links[at + PREVIOUS]!
    const next = links[at + NEXT]!
    const tail = this.#tails[age]!
    if (previous === NONE) this.#heads[age] = next
    else links[previous * LINKS + NEXT] = next
    links[next * LINKS + PREVIOUS] = previous
    links[tail * LINKS + NEXT] = row
    links[at + PREVIOUS] = tail
    links[at + NEXT] = NONE
    this.#tails[age] = row
  }

  #append(row: number, age: Age): void {
    const links = this.#links
    const tail = this.#tails[age]!
    const state = row * ROW + STATE
    this.#rows[state] = (this.#rows[state]! & ~LASTING_BIT) | (age === LASTING ? LASTING_BIT : 0)
    links[row * LINKS + PREVIOUS] = tail
    links[row * LINKS + NEXT] = NONE
    if (tail === NONE) this.#heads[age] = row
    else links[tail * LINKS + NEXT] = row
    this.#tails[age] = row
    if (age === BRIEF) this.briefCount++
  }

  #unlink(row: number): void {
    const links = this.#links
    const age = this.ageOf(row)
    const previous = links[row * LINKS + PREVIOUS]!
    const next = links[row * LINKS + NEXT]!
    if (previous === NONE) this.#heads[age] = next
    else links[previous * LINKS + NEXT] = next
    if (next === NONE) this.#tails[age] = previous
    else links[next * LINKS + PREVIOUS] = previous
    if (age === BRIEF) this.briefCount--
  }
}
