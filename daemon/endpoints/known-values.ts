const SLOTS = 65_536
const SLOTS_A_LINE = 4096

/**
 * The words that name objects in a service, and at a place of it, by fingerprint, in fixed memory for all services: a user name that is
 * known to be one in `/users/{id}` is one in `/teams/7/members/lena` too. A slot holds one fingerprint and the latest wins, so a flood of
 * words only makes it forget.
 */
export class KnownValues {
  readonly #slots = new Uint32Array(SLOTS)

  /** Where a word stands: a service, or a place below another. */
  static salt(name: string, above = 0x811c9dc5): number {
    return hashOf(name, above)
  }

  add(salt: number, value: string): void {
    const print = hashOf(value, salt)
    this.#slots[slotOf(print)] = print
  }

  has(salt: number, value: string): boolean {
    const print = hashOf(value, salt)
    return this.#slots[slotOf(print)] === print
  }

  remove(salt: number, value: string): void {
    const print = hashOf(value, salt)
    if (this.#slots[slotOf(print)] === print) this.#slots[slotOf(print)] = 0
  }

  clear(): void {
    this.#slots.fill(0)
  }

  /** What is known, in parts that have something in them: number of the part, and its slots in base64. */
  *parts(): Generator<[part: number, slots: string]> {
    for (let start = 0; start < SLOTS; start += SLOTS_A_LINE) {
      const slots = this.#slots.subarray(start, start + SLOTS_A_LINE)
      if (slots.some((print) => print !== 0))
        yield [start / SLOTS_A_LINE, Buffer.from(slots.buffer, slots.byteOffset, slots.byteLength).toString('base64')]
    }
  }

  /** Takes a part back; one that does not fit is left out. */
  restore(part: number, slots: string): void {
    const bytes = Buffer.from(slots, 'base64')
    if (part >= SLOTS / SLOTS_A_LINE || bytes.length !== 4 * SLOTS_A_LINE) return
    for (let i = 0; i < SLOTS_A_LINE; i++) this.#slots[part * SLOTS_A_LINE + i] = bytes.readUInt32LE(4 * i)
  }
}

function slotOf(print: number): number {
  return (print ^ (print >>> 16)) & (SLOTS - 1)
}

/** FNV-1a from a given start; never 0, which is an empty slot. */
function hashOf(text: string, start: number): number {
  let hash = start
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0 || 1
}
