import { z } from 'zod'
import { isPasswordName } from '../../../daemon/identity/secret-names.ts'
import type { LoginMark, Transaction } from '../../../daemon/model/transaction.ts'
import { GuardedRate, GuardedRateState } from '../../baselines/guarded-rate.ts'
import { PresentShare, PresentShareState } from '../../baselines/present-share.ts'
import { amount } from '../../baselines/state.ts'

const MATURE_VOTES = 30

const USUAL = [2, 18, 0.5] as const

/** Failures, how the others fare, answers that refused and that redirected. */
export const LoginEndpointState = z.tuple([GuardedRateState, PresentShareState, amount, amount])
export type LoginEndpointState = z.infer<typeof LoginEndpointState>

export type Verdict = 'wrong' | 'right' | 'neither'

/** A place where callers prove who they are, and what that usually looks like there. */
export class LoginEndpoint {
  failures = new GuardedRate(...USUAL)
  /** How sources that have signed in before fare now: when they fail too, the service is at fault. */
  present = new PresentShare()
  #refused = 0
  #redirected = 0

  /** 0..1: how many callers' votes the failure rate rests on. */
  get maturity(): number {
    return Math.min(1, this.failures.voters / MATURE_VOTES)
  }

  /** The run of failures that nine in ten ordinary sign-ins stay under. */
  get usualText(): string {
    const { mean } = this.failures
    const high = Math.max(1, Math.ceil(Math.log(0.1) / Math.log(Math.min(0.9, mean * 1.5))))
    return `0-${high}`
  }

  /**
   * What an answer says of the credential. Form log-ins answer a wrong password with the page again (200) and a right one
   * with a redirect, so where an endpoint never refuses by status and does redirect, a 200 is a refusal. A credential in a
   * header goes with every request, and only 401 is about the credential.
   */
  verdictOf(status: number | null, inHeader: boolean): Verdict {
    if (status === null || status < 200 || status >= 500 || status === 404) return 'neither'
    if (inHeader) return status === 401 ? 'wrong' : status < 400 ? 'right' : 'neither'
    if (status >= 400) {
      this.#refused++
      return 'wrong'
    }
    if (status >= 300) {
      this.#redirected++
      return 'right'
    }
    return this.#redirected > 0 && this.#refused === 0 ? 'wrong' : 'right'
  }

  toState(): LoginEndpointState {
    return [this.failures.toState(), this.present.toState(), this.#refused, this.#redirected]
  }

  static fromState([failures, present, refused, redirected]: LoginEndpointState): LoginEndpoint {
    const endpoint = new LoginEndpoint()
    endpoint.failures = GuardedRate.fromState(failures, ...USUAL)
    endpoint.present = PresentShare.fromState(present)
    endpoint.#refused = refused
    endpoint.#redirected = redirected
    return endpoint
  }
}

export function isInHeader(mark: LoginMark): boolean {
  return mark.field.startsWith('header:')
}

/** A one-time code, a second factor: guessed by other means than a password, and looked after by auth.otp. */
export function isCodeField({ field }: LoginMark): boolean {
  return isPasswordName(field.slice(Math.max(field.lastIndexOf('/'), field.lastIndexOf(':')) + 1)) === 'code'
}

/** Names the log-in endpoint of an attempt. Credentials in a header are one place per service: they go with every request. */
export function placeOf(tx: Transaction, mark: LoginMark): string {
  const service = tx.service ?? ''
  if (isInHeader(mark)) return `${service} ${mark.field}`
  return `${service} ${tx.endpoint ?? `${tx.method ?? ''} ${(tx.path ?? '').slice(0, 200)}`}`
}
