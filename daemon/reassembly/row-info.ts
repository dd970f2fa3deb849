import { formatAddress } from '../decode/address.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { FlowTable } from './flow-table.ts'
import type { Direction, FlowInfo } from './stream.ts'

/**
 * What a row of the flow table says of its flow, for as long as anybody wants to know: the row may be another's by then. Texts
 * are made when asked for; most flows are asked once, and those that are only counted never.
 */
export class RowInfo implements FlowInfo {
  readonly fromStart: boolean
  readonly shard: number
  readonly source: SourceInfo
  note: object | undefined = undefined
  readonly port: readonly [number, number]
  readonly #vlan: number
  readonly #vni: number
  readonly #firstSeq: number
  readonly #first0: number
  readonly #first1: number
  readonly #first2: number
  readonly #first3: number
  readonly #second0: number
  readonly #second1: number
  readonly #second2: number
  readonly #second3: number
  readonly time: EventTime

  /** `firstSeq`: which sequence number began it, of side 0 where that is known. */
  constructor(table: FlowTable, row: number, source: SourceInfo, shard: number, fromStart: boolean, firstSeq: number) {
    this.fromStart = fromStart
    this.shard = shard
    this.source = source
    this.port = [table.port(row, 0), table.port(row, 1)]
    this.#vlan = table.vlan(row)
    this.#vni = table.vni(row)
    this.#firstSeq = firstSeq | 0
    this.#first0 = table.address(row, 0, 0)
    this.#first1 = table.address(row, 0, 1)
    this.#first2 = table.address(row, 0, 2)
    this.#first3 = table.address(row, 0, 3)
    this.#second0 = table.address(row, 1, 0)
    this.#second1 = table.address(row, 1, 1)
    this.#second2 = table.address(row, 1, 2)
    this.#second3 = table.address(row, 1, 3)
    this.time = table.firstTime[row]!
  }

  get address(): readonly [string, string] {
    return [this.#address(0), this.#address(1)]
  }

  #address(side: Direction): string {
    return side === 0
      ? formatAddress(this.#first0, this.#first1, this.#first2, this.#first3)
      : formatAddress(this.#second0, this.#second1, this.#second2, this.#second3)
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
