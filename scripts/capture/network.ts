import { execFileSync } from 'node:child_process'

/** Two network namespaces joined by a veth pair: the client's side, where tcpdump listens, and the server's. */
export const CLIENT_SPACE = 'offpath-capture-client'
export const SERVER_SPACE = 'offpath-capture-server'
export const CLIENT = '198.51.100.7'
export const OTHER_CLIENTS = ['198.51.100.8', '198.51.100.9'] as const
export const CLIENT6 = '2001:db8::7'
export const SERVER = '192.0.2.10'
export const SERVER6 = '2001:db8::10'

export function networkUp(): void {
  networkDown()
  ip('netns', 'add', CLIENT_SPACE)
  ip('netns', 'add', SERVER_SPACE)
  ip(
    '-n',
    CLIENT_SPACE,
    'link',
    'add',
    'eth-client',
    'type',
    'veth',
    'peer',
    'name',
    'eth-server',
    'netns',
    SERVER_SPACE,
  )
  up(CLIENT_SPACE, 'eth-client', [CLIENT, ...OTHER_CLIENTS], CLIENT6, '192.0.2.0/24')
  up(SERVER_SPACE, 'eth-server', [SERVER], SERVER6, '198.51.100.0/24')
}

function up(space: string, link: string, addresses: readonly string[], address6: string, peers: string): void {
  for (const address of addresses) ip('-n', space, 'address', 'add', `${address}/32`, 'dev', link)
  ip('-n', space, 'address', 'add', `${address6}/64`, 'dev', link, 'nodad')
  // One frame per segment, as on a wire: without this the kernel hands the capture frames of up to 64 KiB.
  ip('-n', space, 'link', 'set', link, 'gso_max_size', '1514', 'gso_max_segs', '1')
  ip('-n', space, 'link', 'set', link, 'up')
  ip('-n', space, 'link', 'set', 'lo', 'mtu', '1500', 'up')
  ip('-n', space, 'route', 'add', peers, 'dev', link)
}

export function networkDown(): void {
  for (const space of [CLIENT_SPACE, SERVER_SPACE]) {
    try {
      execFileSync('ip', ['netns', 'del', space], { stdio: 'ignore' })
    } catch {
      // It was not there.
    }
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'inherit', 'inherit'] })
}
