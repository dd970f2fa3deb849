import type { LedgerEntry } from './note.ts'
import { BODIES } from './scenes-bodies.ts'
import { CONNECTIONS } from './scenes-connections.ts'
import { MESSAGES } from './scenes-messages.ts'
import { ODDITIES } from './scenes-oddities.ts'
import { SERVERS } from './scenes-servers.ts'
import { TUNNELLED } from './scenes-tunnels.ts'
import { WIRES } from './scenes-wires.ts'
import type { Step } from './transcript.ts'

export interface Stage {
  /** Gives the raw server its side of the next conversation. */
  readonly script: (steps: readonly Step[]) => Promise<void>
  /** nginx's log so far, in the format of nginx.ts. */
  readonly accessLog: () => string
  /** A folder that goes away at the end. */
  readonly work: string
}

/** One capture from live traffic: what is played, and what the players say happened. */
export interface Scene {
  readonly name: string
  readonly shows: string
  readonly server: () => Promise<string> | string
  readonly client: () => Promise<string> | string
  readonly play: (stage: Stage) => Promise<LedgerEntry[]>
  /** More tcpdump options. */
  readonly tcpdump?: readonly string[]
  /** Another recorder than `tcpdump -i eth-client`; `-w FILE` is added after the command. */
  readonly recorder?: readonly string[]
  readonly extension?: string
}

export const SCENES: readonly Scene[] = [
  ...MESSAGES,
  ...BODIES,
  ...CONNECTIONS,
  ...ODDITIES,
  ...SERVERS,
  ...WIRES,
  ...TUNNELLED,
]
