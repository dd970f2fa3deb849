import type { LoginMark } from '../model/transaction.ts'
import { BoundedMap } from './bounded-map.ts'
import type { LoginAttempt } from './login-attempt.ts'

const ACCOUNTS = 65_536
const SECRETS_PER_ACCOUNT = 32
const SECRETS = 262_144

/**
 * Tells a guess from those made before: by the same account, by another, or never. Secrets are hashes under a random key,
 * and what is forgotten is decided by order and count alone, so the answers never depend on that key.
 */
export class GuessMemory {
  /** Recent secrets of an account, oldest first. */
  readonly #accounts: BoundedMap<string, string[]>
  /** Who tried a secret last; '' for attempts that named nobody. */
  readonly #secrets: BoundedMap<string, string>

  constructor(accounts = ACCOUNTS, secrets = SECRETS) {
    this.#accounts = new BoundedMap(accounts)
    this.#secrets = new BoundedMap(secrets)
  }

  /** Judges, then remembers. */
  judge(attempt: LoginAttempt): LoginMark['guess'] {
    const account = attempt.account ?? ''
    const tried = this.#accounts.get(account)
    const last = this.#secrets.get(attempt.secret)
    const repeated = attempt.account === null ? last === '' : tried?.includes(attempt.secret) === true
    this.#remember(account, tried, attempt.secret)
    if (repeated || last === account) return 'repeated'
    return last === undefined ? 'new' : 'shared'
  }

  sizes(): Readonly<Record<string, { entries: number; limit: number; evicted: number }>> {
    const size = (map: BoundedMap<string, unknown>) => ({ entries: map.size, limit: map.limit, evicted: map.evicted })
    return { login_accounts: size(this.#accounts), login_secrets: size(this.#secrets) }
  }

  #remember(account: string, tried: string[] | undefined, secret: string): void {
    this.#secrets.set(secret, account)
    if (account === '') return
    if (tried === undefined) {
      this.#accounts.set(account, [secret])
    } else if (!tried.includes(secret)) {
      if (tried.length >= SECRETS_PER_ACCOUNT) tried.shift()
      tried.push(secret)
    }
  }
}
