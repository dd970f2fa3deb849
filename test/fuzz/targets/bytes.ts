/** Lengths and counts that parsers trip over. */
const EDGES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 127, 128, 254, 255, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x7fffffff, 0xffffffff]
const LARGEST = 64 * 1024

export function below(random: () => number, most: number): number {
  return Math.floor(random() * most)
}

export function pick<T>(random: () => number, all: readonly T[]): T {
  return all[below(random, all.length)]!
}

/** Up to `most` changes that know nothing of the format: bits, bytes, numbers at their edges, cuts, copies, splices. */
export function havoc(random: () => number, input: Buffer, corpus: readonly Buffer[], most = 8): Buffer {
  let bytes: Buffer = Buffer.from(input)
  for (let changes = below(random, most) + 1; changes > 0; changes--) bytes = change(random, bytes, corpus)
  return bytes.length > LARGEST ? bytes.subarray(0, LARGEST) : bytes
}

function change(random: () => number, bytes: Buffer, corpus: readonly Buffer[]): Buffer {
  const at = below(random, bytes.length + 1)
  const length = below(random, Math.min(64, bytes.length - at + 1))
  switch (below(random, 8)) {
    case 0:
      if (at < bytes.length) bytes[at]! ^= 1 << below(random, 8)
      return bytes
    case 1:
      if (at < bytes.length) bytes[at] = below(random, 256)
      return bytes
    case 2:
      return edge(random, bytes, at)
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    case 4:
      return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
    case 5:
      return bytes.subarray(0, at)
    case 6: {
      const other = pick(random, corpus)
      const from = below(random, other.length)
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + below(random, 512)), bytes.subarray(at)])
    }
    default: {
      const count = below(random, 40)
      return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(count, below(random, 256)), bytes.subarray(at)])
    }
  }
}

function edge(random: () => number, bytes: Buffer, at: number): Buffer {
  const value = pick(random, EDGES)
  const width = pick(random, [1, 2, 4])
  if (at + width > bytes.length) return bytes
  const kept = width === 4 ? value : value & (2 ** (8 * width) - 1)
  if (random() < 0.5) bytes.writeUIntBE(kept, at, width)
  else bytes.writeUIntLE(kept, at, width)
  return bytes
}
