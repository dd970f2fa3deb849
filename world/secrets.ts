import type { Random } from '../demo/random.ts'
import { token } from './draw.ts'

/**
 * Every secret of the world: passwords, keys, cookies, tokens. Each holds a mark that stands nowhere else, so that one search tells
 * whether any of them came out of a program that saw this traffic.
 */
export class Secrets {
  /** Ten letters and digits. */
  readonly mark: string

  constructor(random: Random) {
    this.mark = `q${token(random, 8)}Z`
  }

  /** The mark as it may stand in a text: as it is, and inside base64, where it can begin in one of three places. */
  get traces(): readonly string[] {
    const inBase64 = [0, 1, 2].map((before) => {
      const text = Buffer.from(`${'.'.repeat(before)}${this.mark}`)
        .toString('base64')
        .replace(/=+$/, '')
      // The first and last digits depend on the neighbours too.
      return text.slice(before === 0 ? 0 : before + 1, -1)
    })
    return [this.mark, ...inBase64]
  }

  password(random: Random, words: readonly string[]): string {
    return `${random.pick(words)}${this.mark}${random.between(10, 99)}!`
  }

  key(random: Random, prefix: string): string {
    return `${prefix}_${token(random, 8)}${this.mark}${token(random, 14)}`
  }

  cookie(random: Random): string {
    return `${token(random, 12)}${this.mark}${token(random, 10)}`
  }

  /** A JSON Web Token (RFC 7519); the signature is made up. */
  jwt(random: Random, header: object, claims: object): string {
    return `${encode(header)}.${encode(claims)}.${token(random, 20)}${this.mark}${token(random, 13)}`
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
