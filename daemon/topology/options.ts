import type { HttpLimits } from '../http/limits.ts'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import type { IdentityOptions } from '../identity/recorder.ts'
import type { RuleBox } from '../payload/rules/rule.ts'
import type { ReassemblyLimits } from '../reassembly/limits.ts'

/** What the flow stage is built from. */
export interface FlowStageOptions {
  readonly key: PrivacyKey
  /** By which secrets are compared: see SecretHasher. Made anew in every run. */
  readonly hashKey: Uint8Array
  readonly identity: IdentityOptions
  /** Whether bodies are copied, decoded and redacted. */
  readonly bodies: boolean
  /** Whether payloads are looked for. */
  readonly payloads: boolean
  /** The operator's rules of payloads; a thread of its own has a copy. */
  readonly payloadRules: RuleBox
  readonly http: HttpLimits
  readonly reassembly: ReassemblyLimits
}
