import { ethernet } from './ethernet.ts'
import { type Packet, type Refusal, shortOf } from './packet.ts'

export const ETHERTYPE_ERSPAN = 0x88be
const VERSION_II = 1

/**
 * ERSPAN (draft-foschiano-erspan): the frames that a switch mirrors, in GRE. Type II has 8 bytes of its own, with the
 * VLAN that the switch took the frame from; type I has none, and is known by GRE without a sequence number.
 */
export function erspan(packet: Packet, sequenced: boolean): Refusal | null {
  if (!sequenced) return ethernet(packet)
  const { bytes, at } = packet
  if (at + 8 > packet.end) return shortOf(packet, 8)
  if (bytes[at]! >> 4 !== VERSION_II) return 'not_tcp'
  const vlan = ((bytes[at]! & 0x0f) << 8) | bytes[at + 1]!
  if (vlan !== 0) packet.vlan = vlan
  packet.at = at + 8
  return ethernet(packet)
}
