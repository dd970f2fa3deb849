import type { Segment } from '../decode/segment.ts'
import { SHARDS } from './limits.ts'

/**
 * Hashes of a segment's two endpoints that are the same in both directions: each endpoint is mixed alone, and the sum
 * forgets which came first.
 */

/**
 * The virtual shard, 0..15. Not keyed: limits belong to shards, so the same capture must always fall into the same ones.
 * Aiming flows at one shard gains an attacker that shard's limits and nothing else.
 */
export function shardOf(segment: Segment): number {
  return (mixed(segment) >>> 16) & (SHARDS - 1)
}

/** 0..63, independent of the shard: which flows go first when some must. */
export function shareOf(segment: Segment): number {
  return mixed(segment) >>> 26
}

function mixed(segment: Segment): number {
  const source = Math.imul(segment.src0 ^ segment.src1 ^ segment.src2 ^ segment.src3, 0x9e3779b1) ^ segment.srcPort
  const target = Math.imul(segment.dst0 ^ segment.dst1 ^ segment.dst2 ^ segment.dst3, 0x9e3779b1) ^ segment.dstPort
  let hash = (Math.imul(source, 0x85ebca6b) + Math.imul(target, 0x85ebca6b)) | 0
  hash ^= hash >>> 15
  return Math.imul(hash, 0xc2b2ae35)
}

/**
 * The place in the flow table. Keyed by five secret odd multipliers, so that keys that collide cannot be computed
 * beforehand. Nothing that is printed depends on it.
 */
export class FlowHash {
  readonly #k0: number
  readonly #k1: number
  readonly #k2: number
  readonly #k3: number
  readonly #k4: number
  /** Of an IPv4 address, whose first three words are always the same (::ffff:0:0/96). */
  readonly #mapped: number

  /** `key`: five random 32-bit words. */
  constructor(key: ArrayLike<number>) {
    this.#k0 = key[0]! | 1
    this.#k1 = key[1]! | 1
    this.#k2 = key[2]! | 1
    this.#k3 = key[3]! | 1
    this.#k4 = key[4]! | 1
    const mapped = this.#threeWords(0, 0, 0xffff)
    this.#mapped = mapped ^ (mapped >>> 15)
  }

  of(segment: Segment): number {
    if (segment.family === 4) {
      return (this.#ipv4(segment.src3, segment.srcPort) + this.#ipv4(segment.dst3, segment.dstPort)) | 0
    }
    return (
      (this.#endpoint(segment.src0, segment.src1, segment.src2, segment.src3, segment.srcPort) +
        this.#endpoint(segment.dst0, segment.dst1, segment.dst2, segment.dst3, segment.dstPort)) |
      0
    )
  }

  /** The place of a connection that must stand apart from another one of the same addresses and ports. */
  apart(hash: number, segment: Segment): number {
    const tag = Math.imul((segment.vni + 1) ^ this.#k2, this.#k3) + Math.imul((segment.vlan + 1) ^ this.#k1, this.#k4)
    // Never the hash itself, and never 0, which stands for none.
    return hash ^ (tag & 0x7fffffff) ^ 1 || 1
  }

  #endpoint(w0: number, w1: number, w2: number, w3: number, port: number): number {
    const hash = this.#threeWords(w0, w1, w2)
    return this.#lastWord(hash ^ (hash >>> 15), w3, port)
  }

  #ipv4(address: number, port: number): number {
    return this.#lastWord(this.#mapped, address, port)
  }

  #threeWords(w0: number, w1: number, w2: number): number {
    let hash = Math.imul(w0 ^ this.#k1, this.#k0)
    hash = Math.imul(hash ^ (hash >>> 15) ^ w1, this.#k1)
    return Math.imul(hash ^ (hash >>> 15) ^ w2, this.#k2)
  }

  #lastWord(before: number, w3: number, port: number): number {
    let hash = Math.imul(before ^ w3, this.#k3)
    hash = Math.imul(hash ^ (hash >>> 15) ^ port, this.#k4)
    return hash ^ (hash >>> 16)
  }
}
