import { readFileSync, readlinkSync } from 'node:fs'

/** Names a UDP socket of this process as the kernel's table does; null without /proc. Ask before giving up a user: /proc/self/fd closes then. */
export function socketInode(descriptor: number): string | null {
  try {
    return /^socket:\[(\d{1,20})\]$/.exec(readlinkSync(`/proc/self/fd/${descriptor}`))?.[1] ?? null
  } catch {
    return null
  }
}

/**
 * Datagrams the kernel threw away for this socket, most of them because its buffer was full: the last column of
 * /proc/net/udp (proc(5)). Cumulative, 32 bits, wrapping. Null when the table cannot be read or does not name it.
 */
export function socketDrops(inode: string, family: 4 | 6): number | null {
  try {
    return dropsIn(readFileSync(family === 4 ? '/proc/net/udp' : '/proc/net/udp6', 'utf8'), inode)
  } catch {
    return null
  }
}

/** Columns: sl local remote st queues tr:tm retrnsmt uid timeout inode ref pointer drops. */
export function dropsIn(table: string, inode: string): number | null {
  for (const line of table.split('\n')) {
    const columns = line.trim().split(/\s+/)
    if (columns[9] === inode) return Number(columns[12] ?? Number.NaN)
  }
  return null
}
