import type { CapturedFrame } from '../../test/mutate/capture-file.ts'
import { encapsulate, fragment, fragmentShuffled } from '../../test/mutate/encapsulate.ts'
import { chain, type Mutator } from '../../test/mutate/mutators.ts'
import type { LedgerEntry } from './note.ts'

type Touch = (ledger: readonly LedgerEntry[]) => readonly LedgerEntry[]

/** A capture made by wrapping or cutting the frames of another one. */
export interface TunnelRewrite {
  readonly name: string
  readonly from: string
  readonly shows: string
  readonly how: string
  readonly mutate: Mutator
  /** The effect on the ledger; none where it is left out. */
  readonly touch?: Touch
}

/** The tunnels that this kernel has no devices for, and fragments where no path makes them. */
export const TUNNEL_REWRITES: readonly TunnelRewrite[] = [
  {
    name: 'geneve',
    from: 'keep-alive',
    shows: 'GENEVE with Ethernet inside, VNI 5001',
    how: 'every frame wrapped',
    mutate: encapsulate('geneve', { vni: 5001 }),
  },
  {
    name: 'geneve-vxlan',
    from: 'chunked',
    shows: 'VXLAN (VNI 77) in GENEVE with options and IP inside, as a gateway load balancer passes a mirror on',
    how: 'every frame wrapped twice',
    mutate: chain(encapsulate('vxlan', { vni: 77 }), encapsulate('geneve-ip', { vni: 5001 })),
  },
  {
    name: 'gre',
    from: 'chunked',
    shows: 'GRE with checksum, key and sequence number, IP inside',
    how: 'every packet wrapped, Ethernet headers left out',
    mutate: encapsulate('gre'),
  },
  {
    name: 'gre-ethernet',
    from: 'ipv6',
    shows: 'GRE with Ethernet inside, over IPv6, traffic in IPv6',
    how: 'every frame wrapped',
    mutate: encapsulate('gretap', { outer: 6 }),
  },
  {
    name: 'erspan',
    from: 'keep-alive',
    shows: 'ERSPAN type II, frames taken from VLAN 33',
    how: 'every frame wrapped',
    mutate: encapsulate('erspan', { vlan: 33 }),
  },
  {
    name: 'six-in-four',
    from: 'ipv6',
    shows: 'IPv6 in IPv4 (protocol 41)',
    how: 'every packet wrapped',
    mutate: encapsulate('ip-in-ip'),
  },
  {
    name: 'ip-fragments',
    from: 'many-headers',
    shows: 'IPv4 fragments in any order, some twice',
    how: 'packets cut for an MTU of 300, seeded order',
    mutate: fragmentShuffled(300, 5),
  },
  {
    name: 'ip6-fragments',
    from: 'ipv6',
    shows: 'IPv6 fragments in any order, some twice',
    how: 'packets cut for an MTU of 600, seeded order',
    mutate: fragmentShuffled(600, 6),
  },
  {
    name: 'vxlan-ip6-fragments',
    from: 'keep-alive',
    shows: 'VXLAN over IPv6 whose outer packets are cut, in any order, some twice',
    how: 'every frame wrapped, then cut for an MTU of 700, seeded order',
    mutate: chain(encapsulate('vxlan', { vni: 4242, outer: 6 }), fragmentShuffled(700, 7)),
  },
  {
    name: 'fragment-lost',
    from: 'keep-alive',
    shows: 'one IP fragment of a response body is missing: its bytes are a gap, the later pairs are whole',
    how: 'packets cut for an MTU of 576, the last piece of the second packet that was cut left out',
    mutate: (frames) => withoutLastPiece(fragment(576)(frames)),
    touch: (ledger) => ledger.map((line, at) => (at === 0 ? { ...line, state: 'gap' } : line)),
  },
]

/** Pieces of IPv4 packets with an offset and no more to come: each is the end of a packet that was cut. */
function withoutLastPiece(frames: readonly CapturedFrame[]): CapturedFrame[] {
  const ends = [...frames.keys()].filter((at) => {
    const field = frames[at]!.bytes.readUInt16BE(20)
    return (field & 0x2000) === 0 && (field & 0x1fff) !== 0
  })
  if (ends.length < 2) throw new Error('nothing was cut')
  return frames.filter((_, at) => at !== ends[1])
}
