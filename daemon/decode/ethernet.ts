import { type Packet, type Refusal, shortOf } from './packet.ts'

const MAX_TAGS = 3
const TAG_8021Q = 0x8100
const TAG_8021AD = 0x88a8
/** QinQ before it had a number of its own; still sent by older switches. */
const TAG_QINQ_OLD = 0x9100

/** Ethernet II (LINKTYPE_ETHERNET 1). A length instead of a type (IEEE 802.3) is left in `etherType`: nobody's protocol. */
export function ethernet(packet: Packet): Refusal | null {
  if (packet.at + 14 > packet.end) return shortOf(packet, 14)
  packet.etherType = packet.view.getUint16(packet.at + 12)
  packet.at += 14
  return vlanTags(packet)
}

/**
 * Takes up to three 802.1Q, 802.1ad or old QinQ tags off; a fourth stays and is not IP. VLAN 0 is a mere priority tag
 * (IEEE 802.1Q-2018 §9.6), so it names no VLAN.
 */
export function vlanTags(packet: Packet): Refusal | null {
  for (let tags = 0; tags < MAX_TAGS && isTag(packet.etherType); tags++) {
    const { view, at } = packet
    if (at + 4 > packet.end) return shortOf(packet, 4)
    const id = view.getUint16(at) & 0x0fff
    if (id !== 0) packet.vlan = id
    packet.etherType = view.getUint16(at + 2)
    packet.at = at + 4
  }
  return null
}

function isTag(etherType: number): boolean {
  return etherType === TAG_8021Q || etherType === TAG_8021AD || etherType === TAG_QINQ_OLD
}
