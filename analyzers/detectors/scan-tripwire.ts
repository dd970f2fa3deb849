import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { signalOf } from '../finding.ts'
import { isGranted } from './access/answer.ts'

const decoys = (what: string, shipped: string[] = []) =>
  z.array(z.string().min(1).max(512)).max(1024).default(shipped).describe(what)

const Options = z.strictObject({
  paths: decoys('decoy paths, as sent; a `*` at the end stands for anything', ['/offpath-decoy/*']),
  ids: decoys('decoy object ids: a whole segment of a path'),
  keys: decoys('decoy keys and tokens, as the pseudonym that records show (`hmac:…`)'),
  hosts: decoys('decoy services: host names'),
})
type TripwireOptions = z.infer<typeof Options>
type DecoyKind = 'path' | 'id' | 'key' | 'host'

interface Touched {
  readonly kind: DecoyKind
  readonly decoy: string
}

class ScanTripwire implements Detector {
  readonly #paths: ReadonlySet<string>
  readonly #prefixes: readonly string[]
  readonly #ids: ReadonlySet<string>
  readonly #keys: readonly string[]
  readonly #hosts: ReadonlySet<string>
  readonly #isBare: boolean

  constructor({ paths, ids, keys, hosts }: TripwireOptions) {
    this.#paths = new Set(paths.filter((path) => !path.endsWith('*')))
    this.#prefixes = paths.filter((path) => path.endsWith('*')).map((path) => path.slice(0, -1))
    this.#ids = new Set(ids)
    this.#keys = keys
    this.#hosts = new Set(hosts.map((host) => host.toLowerCase()))
    this.#isBare = paths.length + ids.length + keys.length + hosts.length === 0
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    if (this.#isBare) return null
    const touched = this.#touched(tx)
    return touched === null ? null : tripwireSignal(tx, touched, now)
  }

  tick(): void {}

  /** It keeps nothing. */
  sizes() {
    return {}
  }

  maturity(): number {
    return 1
  }

  #touched(tx: Transaction): Touched | null {
    const { path, service, objectIds } = tx
    if (service !== null && this.#hosts.size > 0 && this.#hosts.has(service)) return { kind: 'host', decoy: service }
    if (path !== null) {
      // To look a path up is to hash it, also where nothing is.
      if (this.#paths.size > 0 && this.#paths.has(path)) return { kind: 'path', decoy: path }
      for (const prefix of this.#prefixes) if (path.startsWith(prefix)) return { kind: 'path', decoy: `${prefix}*` }
      if (this.#ids.size > 0) {
        for (const id of objectIds) if (this.#ids.has(id)) return { kind: 'id', decoy: id }
        // Where nothing is known of the path yet, no segment counts as an id.
        if (tx.endpoint === null) {
          for (const segment of path.split('/', 64)) if (this.#ids.has(segment)) return { kind: 'id', decoy: segment }
        }
      }
    }
    return this.#keys.length === 0 ? null : this.#touchedKey(tx)
  }

  /** A decoy is no good key, so whoever shows it is still an address: headers and query have to be read. */
  #touchedKey(tx: Transaction): Touched | null {
    const { principal, query } = tx
    for (const key of this.#keys) {
      if (principal.id === key || principal.app === key || query.includes(key)) return { kind: 'key', decoy: key }
      if (tx.requestHeaders.some(([, value]) => value.includes(key))) return { kind: 'key', decoy: key }
    }
    return null
  }
}

const WHAT: Readonly<Record<DecoyKind, string>> = {
  path: 'path',
  id: 'object',
  key: 'key',
  host: 'service',
}

function tripwireSignal(tx: Transaction, { kind, decoy }: Touched, now: EventTime): Signal {
  const granted = isGranted(tx.status)
  const { principal } = tx
  return signalOf('scan.tripwire', tx, now, {
    log10P: -9,
    maturity: 1,
    // Whoever has a decoy key took it from where it lay, however it is answered.
    severity: kind === 'key' ? 'high' : granted ? 'medium' : 'low',
    why: `a decoy was touched: the ${WHAT[kind]} ${decoy}, which nobody has a reason to ask for`,
    expected: 'nobody',
    observed: `${WHAT[kind]} ${decoy}`,
    evidence: { kind, decoy },
    subject: { kind: principal.kind, value: principal.id },
    outcome: {
      answered: granted ? 1 : 0,
      refused: granted ? 0 : 1,
      objectsExposed: 0,
      accounts: [],
      pSuccess: granted ? 0.5 : 0.05,
    },
    evidenceBefore: [],
  })
}

export const scanTripwire = defineDetector({
  id: 'scan.tripwire',
  title: 'A decoy was touched',
  owasp: ['API8:2023'],
  attack: ['T1595.003'],
  describes: {
    detects:
      'A request for a decoy that you declared: a path, an object, a key or a whole service that nothing links to and no program uses.',
    statistic:
      'Deterministic: one touch is a signal with p = 1e-9, answered or not; refused it is low, except with a decoy key, which somebody took from where it lay. One decoy is there from the start, to try the alarm with: any path under /offpath-decoy/. Files that every scanner asks for (/.env, /.git/config) weigh in scan.probing.',
    memory: 'Keeps nothing; up to 1,024 decoys of each kind.',
    warmUp: 'None: it works from the first request.',
    traps:
      'A decoy that is in a sitemap, a client or a document is no decoy: crawlers and people will touch it. A key is declared by its pseudonym, so that the configuration holds no secret: send it once and read the record. Missed: an object id in a query or a body.',
    tuning: 'paths, ids, keys, hosts. Declared keys make headers be read for every request.',
  },
  options: Options,
  create: (options) => new ScanTripwire(options),
})
