declare module 'lz4js' {
  /** Upper bound of what a frame unpacks to. */
  export function decompressBound(frame: Uint8Array): number
  export function decompress(frame: Uint8Array, maxSize?: number): Uint8Array
  export function compress(bytes: Uint8Array): Uint8Array
}

declare module 'snappyjs' {
  /** One bare block. Throws when it unpacks to more than `maxLength` bytes. */
  export function uncompress(block: Buffer, maxLength?: number): Buffer
  export function compress(bytes: Buffer): Buffer
}
