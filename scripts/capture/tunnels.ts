import { execFileSync } from 'node:child_process'
import { CLIENT, SERVER, SERVER_SPACE } from './network.ts'

/** Addresses inside a tunnel between the two namespaces. */
export const INNER_CLIENT = '203.0.113.7'
export const INNER_SERVER = '203.0.113.10'

export interface Vxlan {
  readonly vni: number
  /** Of the veth pair below the tunnel: packets that do not fit are cut by the kernel. Less than 1280 turns IPv6 off. */
  readonly pathMtu?: number
}

/** A real VXLAN tunnel over the veth pair while `play` runs. Runs in the client's namespace. */
export async function throughVxlan<T>(vxlan: Vxlan, play: () => Promise<T>): Promise<T> {
  const { vni, pathMtu = 1500 } = vxlan
  const ends = [
    { space: [], link: 'eth-client', local: CLIENT, remote: SERVER, address: INNER_CLIENT },
    { space: ['-n', SERVER_SPACE], link: 'eth-server', local: SERVER, remote: CLIENT, address: INNER_SERVER },
  ]
  for (const { space, link, local, remote, address } of ends) {
    const ip = (...args: string[]) =>
      execFileSync('ip', [...space, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
    ip('link', 'set', link, 'mtu', `${pathMtu}`)
    const tunnel = ['type', 'vxlan', 'id', `${vni}`, 'local', local, 'remote', remote, 'dstport', '4789']
    // Not bound to the link, whose MTU would then limit the tunnel's.
    ip('link', 'add', 'tunnel', ...tunnel)
    ip('address', 'add', `${address}/24`, 'dev', 'tunnel')
    ip('link', 'set', 'tunnel', 'mtu', '1450', 'gso_max_size', '1514', 'gso_max_segs', '1', 'up')
    // Locked, or the first packet that is cut would teach TCP to send smaller ones.
    ip('route', 'replace', '203.0.113.0/24', 'dev', 'tunnel', 'src', address, 'mtu', 'lock', '1450')
  }
  try {
    return await play()
  } finally {
    for (const { space, link } of ends) {
      execFileSync('ip', [...space, 'link', 'del', 'tunnel'])
      execFileSync('ip', [...space, 'link', 'set', link, 'mtu', '1500'])
    }
  }
}
