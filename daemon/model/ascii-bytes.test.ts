import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AsciiBuffer, copyAscii, sameAscii, viewOf } from './ascii-bytes.ts'

const text = fc.stringMatching(/^[\x01-\x7f]{0,150}$/)

test('pieces of every length are compared and copied as they are', () => {
  fc.assert(
    fc.property(text, fc.nat({ max: 9 }), fc.nat({ max: 9 }), (piece, here, there) => {
      const from = Buffer.from('#'.repeat(here) + piece + '#'.repeat(20))
      const to = new AsciiBuffer(piece.length + 40)
      to.bytes.fill('-')
      copyAscii(viewOf(from), here, to.view, there, piece.length)
      expect(to.bytes.toString('latin1')).toBe(`${'-'.repeat(there)}${piece}${'-'.repeat(40 - there)}`)
      expect(sameAscii(viewOf(from), here, to.view, there, piece.length)).toBe(true)
      for (let i = 0; i < piece.length; i++) {
        for (const change of [1, 0x80]) {
          to.bytes[there + i]! ^= change
          expect(sameAscii(viewOf(from), here, to.view, there, piece.length)).toBe(false)
          to.bytes[there + i]! ^= change
        }
      }
    }),
  )
})
