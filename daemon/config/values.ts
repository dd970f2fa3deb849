import { isIP } from 'node:net'
import { z } from 'zod'

/** Values that several keys of the configuration take. */

export const wholeNumber = (least: number, most: number) => z.int().min(least).max(most)

export const addressBlock = z.string().refine(isAddressBlock, {
  error: 'expected an address or a block such as 10.0.0.0/8 or 2001:db8::/32',
})

/** A path; null: none. */
export const file = z.string().min(1).nullable().default(null)

function isAddressBlock(text: string): boolean {
  const slash = text.indexOf('/')
  const family = isIP(slash < 0 ? text : text.slice(0, slash))
  if (family === 0) return false
  if (slash < 0) return true
  const prefix = text.slice(slash + 1)
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)
}
