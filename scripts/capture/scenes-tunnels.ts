import { nodeCall } from './clients.ts'
import type { LedgerEntry } from './note.ts'
import { node } from './players.ts'
import type { Scene } from './scenes.ts'
import { INNER_CLIENT, INNER_SERVER, throughVxlan, type Vxlan } from './tunnels.ts'

function calls(): () => Promise<LedgerEntry[]> {
  const inside = { server: INNER_SERVER, from: INNER_CLIENT }
  return async () => [
    await nodeCall('/orders/1001', inside),
    await nodeCall('/received', { ...inside, method: 'POST', body: 'x'.repeat(7000) }),
    await nodeCall('/chunked/6000', inside),
  ]
}

function overVxlan(name: string, shows: string, vxlan: Vxlan): Scene {
  return {
    name,
    shows: `${shows}; the tunnel is a vxlan device of Linux in each of two namespaces`,
    server: node,
    client: node,
    // Whatever passes below the tunnel: later fragments have no ports to filter by.
    recorder: ['tcpdump', '-i', 'eth-client', 'udp or (ip[6:2] & 0x1fff != 0)'],
    play: () => throughVxlan(vxlan, calls()),
  }
}

/** What mirrors wrap packets in, by real devices. This kernel has VXLAN; the other tunnels are rewrites. */
export const TUNNELLED: readonly Scene[] = [
  overVxlan('vxlan', 'VXLAN, VNI 4242', { vni: 4242 }),
  overVxlan('vxlan-fragments', 'VXLAN over a path with an MTU of 1280: the kernel cuts the outer IPv4 packets', {
    vni: 4242,
    pathMtu: 1280,
  }),
]
