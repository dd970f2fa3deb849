import { join, relative, resolve } from 'node:path'
import { OffpathError } from '../telemetry/errors.ts'

/** `sun_path` of unix(7) holds 108 bytes, its end included; some systems have 104. */
const MAX_SOCKET_BYTES = 100

/** The socket of a data folder, by the shorter of its two names: a deep folder can still be used from near it. */
export function socketIn(folder: string): string {
  const absolute = resolve(folder, 'offpath.sock')
  const near = relative(process.cwd(), absolute)
  const path = Buffer.byteLength(near) < Buffer.byteLength(absolute) ? near : absolute
  if (Buffer.byteLength(path) <= MAX_SOCKET_BYTES) return path
  throw new OffpathError('OFFPATH_E_DATA_FOLDER', `the path of its socket is longer than ${MAX_SOCKET_BYTES} bytes`, {
    at: join(folder, 'offpath.sock'),
    remedy: 'a shorter path in state.folder',
  })
}
