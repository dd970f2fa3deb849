const SLOTS = 16_384

/**
 * Remembers the last few thousand keys by fingerprint, in fixed memory: whoever comes twice gets in. A slot holds one
 * fingerprint and the latest wins, so a flood of new keys only shortens the time within which one must come again.
 */
export class Doorkeeper {
  readonly #slots = new Uint32Array(SLOTS)

  /** Whether the key was seen lately; it is now. */
  seen(key: string): boolean {
    // FNV-1a, twice, from two starts: one picks the slot, the other is the fingerprint.
    let slot = 0x811c9dc5
    let print = 0x9747b28c
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i)
      slot = Math.imul(slot ^ code, 0x01000193)
      print = Math.imul(print ^ code, 0x85ebca6b)
    }
    const index = (slot ^ (slot >>> 15)) & (SLOTS - 1)
    const fingerprint = (print | 1) >>> 0
    const known = this.#slots[index] === fingerprint
    this.#slots[index] = fingerprint
    return known
  }
}
