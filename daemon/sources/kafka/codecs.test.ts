import { CompressionCodecs, CompressionTypes } from 'kafkajs'
import { expect, test } from 'vitest'
import { type BatchCodec, UNREADABLE } from './batch-codec.ts'
import { registerCodecs } from './codecs.ts'

registerCodecs()

/** A record batch of version 2 that says it holds three records, and the bytes behind its head, as the client hands them on. */
function packed(body: Buffer): Buffer {
  const batch = Buffer.concat([Buffer.alloc(61), body])
  batch[16] = 2
  batch.writeInt32BE(2, 23)
  batch.writeInt32BE(3, 57)
  return batch.subarray(61)
}

const CODECS = { gzip: 'GZIP', snappy: 'Snappy', lz4: 'LZ4', zstd: 'ZSTD' } as const
const HEADS = {
  gzip: '1f8b0800000000000003',
  snappy: '82534e41505059000000000100000001000000ff',
  lz4: '04224d186040822000008000',
  zstd: '28b52ffd2030ff',
}

test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
  '%s: a broken batch becomes as many marks as it has records',
  async (name) => {
    const codec = (CompressionCodecs[CompressionTypes[CODECS[name]]] as unknown as () => BatchCodec)()
    for (const body of [
      Buffer.alloc(40, 0xff),
      Buffer.concat([Buffer.from(HEADS[name], 'hex'), Buffer.alloc(40, 0xee)]),
    ]) {
      const text = (await codec.decompress(packed(body))).toString('latin1')
      expect(text.split(UNREADABLE)).toHaveLength(4)
      expect(text).toContain(`${name}: `)
    }
    // Without a head to count by, it is the client's to fail.
    await expect(codec.decompress(Buffer.alloc(40, 0xff))).rejects.toThrow(name)
  },
)
