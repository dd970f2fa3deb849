import type { Writable } from 'node:stream'

/** Writes a result that is made in one piece. Resolves when it is handed on, also when the reader is gone. */
export function writeText(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve) => {
    stream.write(text, () => resolve())
  })
}
