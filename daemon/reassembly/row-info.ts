import { formatAddress, MAPPED } from '../decode/address.ts'
import type { SourceInfo } from '../model/frame.ts'
import { type EventTime, NO_TIME } from '../model/time.ts'
import type { FlowTable } from './flow-table.ts'
import type { Direction, FlowInfo } from './stream.ts'

/**
 * What a row of the flow table says of its flow, for as long as anybody wants to know: the row may be another's by then. Texts
 * are made when asked for; most flows are asked once, and those that are only counted never.
 */
export class RowInfo implements FlowInfo {
  fromStart = false
  readonly shard: number
  source: SourceInfo
  note: object | undefined = undefined
  time: EventTime = NO_TIME
  #ports = 0
  #vlan = -1
  #vni = -1
  #firstSeq = 0
  /** The last words of both addresses; */
  #first = 0
  #second = 0
  /** and the others, three and three, unless both are IPv4. */
  #others: Int32Array | null = null

  constructor(shard: number, source: SourceInfo) {
    this.shard = shard
    this.source = source
  }

  /** `firstSeq`: which sequence number began it, of side 0 where that is known. */
  describe(table: FlowTable, row: number, source: SourceInfo, fromStart: boolean, firstSeq: number): void {
    this.fromStart = fromStart
    this.source = source
    this.note = undefined
    this.time = table.firstTime[row]!
    this.#ports = table.ports(row)
    this.#vlan = table.vlan(row)
    this.#vni = table.vni(row)
    this.#firstSeq = firstSeq | 0
    this.#first = table.address(row, 0, 3)
    this.#second = table.address(row, 1, 3)
    this.#others = isIpv4(table, row, 0) && isIpv4(table, row, 1) ? null : otherWords(table, row)
  }

  get port(): readonly [number, number] {
    return [this.#ports >>> 16, this.#ports & 0xffff]
  }

  get address(): readonly [string, string] {
    return [this.#address(0), this.#address(1)]
  }

  #address(side: Direction): string {
    const last = side === 0 ? this.#first : this.#second
    const others = this.#others
    if (others === null) return formatAddress(0, 0, MAPPED, last)
    const at = side * OTHERS
    return formatAddress(others[at]!, others[at + 1]!, others[at + 2]!, last)
  }

  get vlan(): number | null {
    return this.#vlan < 0 ? null : this.#vlan
  }

  get vni(): number | null {
    return this.#vni < 0 ? null : this.#vni
  }

  get key(): string {
    const { port, time } = this
    return `${this.#address(0)} ${port[0]} ${this.#address(1)} ${port[1]} ${time} ${this.#firstSeq >>> 0}`
  }
}

/** Words of an address but the last. */
const OTHERS = 3

function isIpv4(table: FlowTable, row: number, side: Direction): boolean {
  return (
    table.address(row, side, 2) === MAPPED && table.address(row, side, 1) === 0 && table.address(row, side, 0) === 0
  )
}

function otherWords(table: FlowTable, row: number): Int32Array {
  const words = new Int32Array(2 * OTHERS)
  for (let word = 0; word < OTHERS; word++) {
    words[word] = table.address(row, 0, word)
    words[OTHERS + word] = table.address(row, 1, word)
  }
  return words
}
