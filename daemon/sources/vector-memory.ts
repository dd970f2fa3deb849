/**
 * Buffers that lie in the memory of WebAssembly, so that what is read into them can be looked at sixteen bytes at a time without
 * being copied (http/vector-lines.ts). Such a memory never grows, so its buffers are never taken away.
 */

/** What is used of WebAssembly, which the type libraries of Node leave out. */
export interface VectorMemory {
  readonly buffer: ArrayBuffer
}

interface WebAssemblyApi {
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => VectorMemory
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> }
}

/** Null where it is switched off (`--jitless`). */
export const webAssembly = (globalThis as { readonly WebAssembly?: WebAssemblyApi }).WebAssembly ?? null

const PAGE_BYTES = 65_536
/** In front of each buffer: working memory of whoever looks at it. */
export const WORK_BYTES = PAGE_BYTES
/** Behind it: sixteen bytes may be read at its last one. */
const SLACK_BYTES = 16

const memories = new WeakMap<ArrayBufferLike, VectorMemory>()

/** A buffer of its own memory, or an ordinary one where there can be none. Its first byte has the address WORK_BYTES there. */
export function vectorBuffer(size: number): Buffer {
  const pages = Math.ceil((WORK_BYTES + size + SLACK_BYTES) / PAGE_BYTES)
  const memory = newMemory(pages)
  if (memory === null) return Buffer.allocUnsafeSlow(size)
  memories.set(memory.buffer, memory)
  return Buffer.from(memory.buffer, WORK_BYTES, size)
}

/** The memory that `bytes` lie in, null for an ordinary buffer. */
export function vectorMemoryOf(bytes: Buffer): VectorMemory | null {
  return memories.get(bytes.buffer) ?? null
}

/** Null also where the address space is too small: each memory reserves gigabytes of it, though it takes no more than it is long. */
function newMemory(pages: number): VectorMemory | null {
  if (webAssembly === null) return null
  try {
    return new webAssembly.Memory({ initial: pages, maximum: pages })
  } catch {
    return null
  }
}
