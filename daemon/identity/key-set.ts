import {
  createHmac,
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
  type KeyObject,
  timingSafeEqual,
  verify,
} from 'node:crypto'

/** Keys of one file, and the issuer whose tokens they check; null: of any. */
export interface KeySource {
  readonly issuer: string | null
  /** A JWK Set (RFC 7517 §5). */
  readonly text: string
}

/** By the keys that the operator supplied: signed by one of them, by none of them, or nothing can be said. */
export type Verdict = 'yes' | 'no' | 'unknown'

interface Key {
  readonly kid: string | null
  readonly kty: string
  readonly curve: string | null
  readonly alg: string | null
  readonly object: KeyObject
}

interface Algorithm {
  readonly kty: 'RSA' | 'EC' | 'OKP' | 'oct'
  readonly hash: string | null
  readonly curves?: readonly string[]
  readonly pss?: boolean
}

/** RFC 7518 §3.1, RFC 8037 §3.1. */
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  RS256: { kty: 'RSA', hash: 'sha256' },
  RS384: { kty: 'RSA', hash: 'sha384' },
  RS512: { kty: 'RSA', hash: 'sha512' },
  PS256: { kty: 'RSA', hash: 'sha256', pss: true },
  PS384: { kty: 'RSA', hash: 'sha384', pss: true },
  PS512: { kty: 'RSA', hash: 'sha512', pss: true },
  ES256: { kty: 'EC', hash: 'sha256', curves: ['P-256'] },
  ES384: { kty: 'EC', hash: 'sha384', curves: ['P-384'] },
  ES512: { kty: 'EC', hash: 'sha512', curves: ['P-521'] },
  EdDSA: { kty: 'OKP', hash: null, curves: ['Ed25519', 'Ed448'] },
  HS256: { kty: 'oct', hash: 'sha256' },
  HS384: { kty: 'oct', hash: 'sha384' },
  HS512: { kty: 'oct', hash: 'sha512' },
}

const MAX_KEYS = 64
/** Keys tried for a token that names none. */
const MAX_TRIES = 8
const RSA_PKCS1_PSS_PADDING = 6
/** crypto.constants.RSA_PSS_SALTLEN_DIGEST: as long as the hash (RFC 7518 §3.5). */
const SALT_AS_HASH = -1

/** Keys that cannot be read are left out, as RFC 7517 §5 asks for. Throws with what is wrong when none can be. */
export function readKeySet(text: string): readonly Key[] {
  const set = parseJson(text)
  const listed = typeof set === 'object' && set !== null ? (set as { keys?: unknown }).keys : undefined
  if (!Array.isArray(listed)) throw new Error('it is no JWK Set: it has no list `keys`')
  const keys = listed.slice(0, MAX_KEYS).flatMap((each) => readKey(each) ?? [])
  if (keys.length === 0) throw new Error('none of its keys can check a signature')
  return keys
}

/** The error of JSON.parse quotes the text, which may be a secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('it is no JSON')
  }
}

function readKey(value: unknown): Key | null {
  if (typeof value !== 'object' || value === null) return null
  const jwk = value as Readonly<Record<string, unknown>>
  const { kty, kid, crv, alg, use, k } = jwk
  if (typeof kty !== 'string' || use === 'enc') return null
  try {
    return {
      kid: typeof kid === 'string' ? kid : null,
      kty,
      curve: typeof crv === 'string' ? crv : null,
      alg: typeof alg === 'string' ? alg : null,
      object:
        kty === 'oct'
          ? createSecretKey(Buffer.from(typeof k === 'string' ? k : '', 'base64url'))
          : createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }),
    }
  } catch {
    return null
  }
}

/** The keys of all files. Does no I/O. */
export class KeySets {
  readonly #sets: readonly { readonly issuer: string | null; readonly keys: readonly Key[] }[]

  /** Throws when a file holds no key: whoever read the file has said so before. */
  constructor(sources: readonly KeySource[]) {
    this.#sets = sources.map(({ issuer, text }) => ({ issuer, keys: readKeySet(text) }))
  }

  /**
   * Of a signed token in compact form. `no`: it is unsigned, or a key that should have signed it did not. `unknown`: of another issuer,
   * under a key id that no file has (the issuer may have changed its key), or of an algorithm that is not checked.
   */
  verdict(token: string, issuer: string | null, alg: string | null, kid: string | null): Verdict {
    const keys = this.#sets.filter((set) => set.issuer === null || set.issuer === issuer).flatMap((set) => set.keys)
    if (keys.length === 0) return 'unknown'
    const dot = token.lastIndexOf('.')
    if (dot === token.length - 1 || alg === null || alg.toLowerCase() === 'none') return 'no'
    const algorithm = Object.hasOwn(ALGORITHMS, alg) ? ALGORITHMS[alg]! : null
    if (algorithm === null) return 'unknown'
    const named = kid === null ? keys : keys.filter((key) => key.kid === kid)
    if (named.length === 0) return 'unknown'
    const fitting = named.filter((key) => fits(key, alg, algorithm))
    // Under the name of a key for another algorithm: how an RSA key is abused as the secret of an HMAC (RFC 8725 §2.1).
    if (fitting.length === 0) return kid === null ? 'unknown' : 'no'
    const signed = Buffer.from(token.slice(0, dot), 'latin1')
    const signature = Buffer.from(token.slice(dot + 1), 'base64url')
    return fitting.slice(0, MAX_TRIES).some((key) => isSigned(key, algorithm, signed, signature)) ? 'yes' : 'no'
  }
}

function fits(key: Key, alg: string, { kty, curves }: Algorithm): boolean {
  return (
    key.kty === kty &&
    (key.alg === null || key.alg === alg) &&
    (curves === undefined || curves.includes(key.curve ?? ''))
  )
}

function isSigned({ object }: Key, algorithm: Algorithm, signed: Buffer, signature: Buffer): boolean {
  const { kty, hash, pss } = algorithm
  try {
    if (kty === 'oct') {
      const own = createHmac(hash!, object).update(signed).digest()
      return own.length === signature.length && timingSafeEqual(own, signature)
    }
    if (pss === true) {
      return verify(hash, signed, { key: object, padding: RSA_PKCS1_PSS_PADDING, saltLength: SALT_AS_HASH }, signature)
    }
    return verify(hash, signed, { key: object, dsaEncoding: 'ieee-p1363' }, signature)
  } catch {
    // A signature of a length that cannot be.
    return false
  }
}
