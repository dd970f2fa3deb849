import type { PolicyMode } from '../model/action.ts'
import type { EventTime } from '../model/time.ts'

/** What a policy file says about the response to its incidents, checked. The folding half is a FoldingRule. */
export interface Policy {
  readonly id: string
  readonly title: string
  readonly owner: string | null
  /** What the policy asks for; an override for this environment is already applied. */
  readonly mode: PolicyMode
  readonly respond: readonly ResponseStep[]
  /** Where it came from: `shipped auth-bruteforce.yaml`, or the path of the operator's file. */
  readonly origin: string
}

/** One entry of `respond`. */
export interface ResponseStep {
  readonly id: string
  /** Name of a connector of the configuration, or `webhook` for the signed events of sinks.webhook. */
  readonly action: string
  /** Which of the incident's selectors: the addresses it came from, or the principal it is about. */
  readonly target: 'ip' | 'principal' | 'endpoint' | 'service'
  /** High: never without a person. */
  readonly risk: 'low' | 'high'
  readonly ttlUs: EventTime
  /** Lease of the n-th action on the same target: ttl * factor^n up to max, plus or minus jitter. */
  readonly repeat: { readonly factor: number; readonly maxUs: EventTime; readonly jitter: number }
  readonly guard: {
    /** Live actions of this step at once. */
    readonly maxActive: number
    /** `ip:203.0.113.9`, `cidr:10.0.0.0/8`, `user:u_17`, `service:…`: never a target. */
    readonly never: readonly string[]
    /** Least severity that is worth the action. */
    readonly minSeverity: 'low' | 'medium' | 'high' | 'critical'
    /** Callers besides the target that it would have hit in the last 24 h; null: not asked. */
    readonly maxCollateralPrincipals: number | null
  }
  /** False must be said in the file, and then a person must approve. */
  readonly revertible: boolean
  readonly approval: { readonly expiresUs: EventTime }
}
