import { createReadStream, fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/**
 * Reads an inherited descriptor, and stops waiting for it when `stop` fires. A pipe is read as a socket: a file read of
 * a silent pipe occupies a thread and cannot be given up, and one of a non-blocking pipe fails with EAGAIN.
 */
export function inheritedStream(descriptor: number, stop: AbortSignal): Readable {
  const kind = fstatSync(descriptor)
  const stream =
    kind.isFIFO() || kind.isSocket()
      ? new Socket({ fd: descriptor, readable: true, writable: false })
      : createReadStream('', { fd: descriptor })
  stop.addEventListener('abort', () => stream.destroy(), { once: true })
  return stream
}
