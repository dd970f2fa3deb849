import type { PayloadFinding } from '../payload/scanner.ts'
import type { Pseudonyms } from './pseudonym.ts'
import type { HeaderRedactor } from './redact-headers.ts'
import { redactJson } from './redact-json.ts'
import { percentDecode, redactForm, redactPath, redactUrl } from './redact-url.ts'
import { redactValue } from './redact-value.ts'
import { secrecyOf } from './secret-names.ts'
import { redactText } from './token-shape.ts'

/**
 * Whether a piece of what was found may be shown. It may where redaction leaves all of the value as it is, as sent and unwrapped: a base64 text that
 * hides a password, or an excerpt that begins in the middle of one, shows nothing.
 */
export class PayloadMask {
  readonly #pseudonyms: Pseudonyms
  readonly #headers: HeaderRedactor

  constructor(pseudonyms: Pseudonyms, headers: HeaderRedactor) {
    this.#pseudonyms = pseudonyms
    this.#headers = headers
  }

  shows(finding: PayloadFinding, target: string): boolean {
    const { place, field, value, text } = finding
    switch (place) {
      case 'cookie':
      case 'claim':
        return false
      case 'response':
        return !HOLDS_SECRETS.has(finding.class) && this.#isOpen(this.excerpt(finding))
      case 'path':
        // A segment may be a secret for what stands before it.
        if (!this.#isOpenPath(target)) return false
        break
      case 'header': {
        const name = field.slice(field.indexOf(':') + 1)
        if (this.#headers.value(name, value) !== value || this.#headers.value(name, text) !== text) return false
        break
      }
      default:
        break
    }
    for (const name of namesOf(field)) {
      const secrecy = secrecyOf(name)
      if (secrecy === 'keep') continue
      for (const each of [value, text]) if (redactValue(each, secrecy, 'query', this.#pseudonyms) !== each) return false
    }
    return this.#isOpen(value) && (text === value || this.#isOpen(text))
  }

  /** Of an answer only from the match on: what stands before it may be the end of anything. */
  excerpt({ place, excerpt, tokens }: PayloadFinding): string {
    if (place !== 'response') return excerpt
    const at = excerpt.indexOf(tokens)
    return at < 0 ? tokens : excerpt.slice(at)
  }

  /** Names are chosen by callers, too. */
  field({ field }: PayloadFinding): string {
    return redactText(field, this.#pseudonyms)
  }

  #isOpenPath(target: string): boolean {
    const mark = target.indexOf('?')
    const path = mark < 0 ? target : target.slice(0, mark)
    return redactPath(path, this.#pseudonyms) === path
  }

  /** Whether no reader of bodies, forms or links would hide anything of it. */
  #isOpen(text: string): boolean {
    const pseudonyms = this.#pseudonyms
    return (
      redactText(text, pseudonyms) === text &&
      redactJson(text, 'request', pseudonyms) === text &&
      redactForm(text, 'request', pseudonyms) === text &&
      (!text.includes('/') || redactUrl(text, pseudonyms) === text)
    )
  }
}

/** Answers of which the finding itself is the secret. */
const HOLDS_SECRETS: ReadonlySet<string> = new Set(['leak_secret', 'leak_source'])

/** Every part of a field's name, and the whole: `body:/user/password`. */
function namesOf(field: string): string[] {
  const whole = field.slice(field.indexOf(':') + 1)
  const name = percentDecode(whole, true)
  return [name, ...name.split(/[/:]/, 64)]
}
