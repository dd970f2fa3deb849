import { ACK, type Segment } from '../decode/segment.ts'
import { CLOSED, type FlowTable, SEQ0_KNOWN, SEQ1_KNOWN } from './flow-table.ts'
import { seqDiff } from './sequence.ts'
import type { Direction } from './stream.ts'

/** Copies of one connection under two tags are this close together, in bytes; two connections seldom are (1 in 2,000). */
const SAME_WINDOW = 1024 * 1024

/** Whether the segment's numbers can be those of the connection in `row`; `table.direction` is the segment's there. */
export function belongs(table: FlowTable, row: number, segment: Segment): boolean {
  const { direction } = table
  const state = table.state(row)
  if ((state & CLOSED) !== 0) return true // over: the ports are used again
  const back = (1 - direction) as Direction
  const flow = table.flows[row]
  const nextOf = (side: Direction): number | null => {
    if (flow != null) return flow.half(side).known ? flow.half(side).next : null
    return (state & (side === 0 ? SEQ0_KNOWN : SEQ1_KNOWN)) !== 0 ? table.nextSeq(row, side) : null
  }
  const next = nextOf(direction)
  if (next !== null) return Math.abs(seqDiff(segment.seq, next)) <= SAME_WINDOW
  const peer = nextOf(back)
  if (peer !== null && (segment.flags & ACK) !== 0) return Math.abs(seqDiff(segment.ack, peer)) <= SAME_WINDOW
  return true
}
