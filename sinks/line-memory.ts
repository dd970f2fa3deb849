import { AsciiBuffer } from '../daemon/model/ascii-bytes.ts'
import type { JsonText } from '../daemon/model/json-text.ts'
import type { Claims, Principal, Transaction } from '../daemon/model/transaction.ts'

const SLOTS = 4096
/** Longer pieces are not kept. */
const MAX_ADDRESSES = 192
const MAX_HOST = 192
const MAX_CALLER = 640
const SLOT_BYTES = MAX_ADDRESSES + MAX_HOST + MAX_CALLER
const MAX_ENDING = 1024
const ENDPOINTS = 1024
const MAX_ENDPOINT = 192

/** What the pieces kept of one connection say, and how long they are; 0: none is kept. */
class Known {
  clientIp = ''
  clientPort: number | null = null
  serverIp: string | null = null
  serverPort: number | null = null
  httpVersion: string | null = null
  addressesLength = 0
  scheme: string | null = null
  host: string | null = null
  hostLength = 0
  principal: Principal | null = null
  claims: Claims | null = null
  callerLength = 0
}

/**
 * Pieces of lines that the records of one connection have in common, as bytes: addresses, host, caller; and the end of the line, which
 * nearly all have in common. A piece is used only for a record that has the same values, so a slot that two connections share costs
 * time and nothing else. Fixed in size; it holds nothing that was not printed.
 */
export class LineMemory {
  readonly #slots: (Known | undefined)[] = new Array<Known | undefined>(SLOTS)
  #kept: AsciiBuffer | null = null
  readonly #ending = new AsciiBuffer(MAX_ENDING).view
  #endingLength = 0
  readonly #endpointBytes = new AsciiBuffer(ENDPOINTS * MAX_ENDPOINT).view
  readonly #endpointLengths = new Uint8Array(ENDPOINTS)
  readonly #endpoints = new Array<string>(ENDPOINTS).fill('')
  readonly #services = new Array<string | null>(ENDPOINTS).fill(null)
  #state = ''
  #pairing = ''
  #keyId = ''
  #source: Transaction['source'] | null = null

  /** `client_ip` to `http_version`, written by `write` when it is not known. */
  addresses(tx: Transaction, connection: number, out: JsonText, write: (tx: Transaction, out: JsonText) => void): void {
    const slot = connection % SLOTS
    const known = this.#known(slot)
    const at = slot * SLOT_BYTES
    if (
      known.addressesLength > 0 &&
      known.clientPort === tx.clientPort &&
      known.clientIp === tx.clientIp &&
      known.serverIp === tx.serverIp &&
      known.serverPort === tx.serverPort &&
      known.httpVersion === tx.httpVersion
    ) {
      out.kept(this.#kept!.view, at, at + known.addressesLength)
      return
    }
    const start = out.length
    write(tx, out)
    known.addressesLength = this.#keep(out, start, at, MAX_ADDRESSES)
    known.clientIp = tx.clientIp
    known.clientPort = tx.clientPort
    known.serverIp = tx.serverIp
    known.serverPort = tx.serverPort
    known.httpVersion = tx.httpVersion
  }

  /** `scheme` and `host`. */
  host(tx: Transaction, connection: number, out: JsonText, write: (tx: Transaction, out: JsonText) => void): void {
    const slot = connection % SLOTS
    const known = this.#known(slot)
    const at = slot * SLOT_BYTES + MAX_ADDRESSES
    if (known.hostLength > 0 && known.host === tx.host && known.scheme === tx.scheme) {
      out.kept(this.#kept!.view, at, at + known.hostLength)
      return
    }
    const start = out.length
    write(tx, out)
    known.hostLength = this.#keep(out, start, at, MAX_HOST)
    known.scheme = tx.scheme
    known.host = tx.host
  }

  /** `principal` and `claims`. */
  caller(tx: Transaction, connection: number, out: JsonText, write: (tx: Transaction, out: JsonText) => void): void {
    const slot = connection % SLOTS
    const known = this.#known(slot)
    const at = slot * SLOT_BYTES + MAX_ADDRESSES + MAX_HOST
    if (known.callerLength > 0 && known.principal === tx.principal && known.claims === tx.claims) {
      out.kept(this.#kept!.view, at, at + known.callerLength)
      return
    }
    const start = out.length
    write(tx, out)
    known.callerLength = this.#keep(out, start, at, MAX_CALLER)
    known.principal = tx.principal
    known.claims = tx.claims
  }

  /** `endpoint` and `service`, which have few values together. */
  endpoint(tx: Transaction, out: JsonText, write: (tx: Transaction, out: JsonText) => void): void {
    const { endpoint, service } = tx
    if (endpoint === null) {
      write(tx, out)
      return
    }
    const slot = endpointSlot(endpoint)
    const at = slot * MAX_ENDPOINT
    const length = this.#endpointLengths[slot]!
    if (length > 0 && this.#endpoints[slot] === endpoint && this.#services[slot] === service) {
      out.kept(this.#endpointBytes, at, at + length)
      return
    }
    const start = out.length
    write(tx, out)
    const written = out.length - start
    this.#endpointLengths[slot] = 0
    if (written > MAX_ENDPOINT || !out.ascii) return
    out.keep(start, this.#endpointBytes, at)
    this.#endpointLengths[slot] = written
    this.#endpoints[slot] = endpoint
    this.#services[slot] = service
  }

  /** `state` to the end, of a record whose lists are empty. */
  ending(tx: Transaction, out: JsonText, write: (tx: Transaction, out: JsonText) => void): void {
    const { source } = tx
    const last = this.#source
    if (
      this.#endingLength > 0 &&
      last !== null &&
      this.#state === tx.state &&
      this.#pairing === tx.pairing &&
      this.#keyId === tx.keyId &&
      (last === source ||
        (last.kind === source.kind &&
          last.name === source.name &&
          last.vlan === source.vlan &&
          last.vni === source.vni))
    ) {
      out.kept(this.#ending, 0, this.#endingLength)
      return
    }
    const start = out.length
    write(tx, out)
    const length = out.length - start
    this.#endingLength = out.ascii && length <= MAX_ENDING ? length : 0
    if (this.#endingLength > 0) out.keep(start, this.#ending, 0)
    this.#state = tx.state
    this.#pairing = tx.pairing
    this.#keyId = tx.keyId
    this.#source = source
  }

  #known(slot: number): Known {
    let known = this.#slots[slot]
    if (known === undefined) {
      known = new Known()
      this.#slots[slot] = known
    }
    return known
  }

  /** Keeps what `out` has from `start` on: its length, 0 when it is too long or no ASCII. */
  #keep(out: JsonText, start: number, at: number, limit: number): number {
    const length = out.length - start
    if (length > limit || !out.ascii) return 0
    this.#kept ??= new AsciiBuffer(SLOTS * SLOT_BYTES)
    out.keep(start, this.#kept.view, at)
    return length
  }
}

function endpointSlot(endpoint: string): number {
  const length = endpoint.length
  const middle = endpoint.charCodeAt(length >> 1) * 31 + endpoint.charCodeAt((length * 3) >> 2)
  const ends = endpoint.charCodeAt(0) * 131 + endpoint.charCodeAt(length - 1)
  return (length * 1031 + middle * 7 + ends) & (ENDPOINTS - 1)
}
