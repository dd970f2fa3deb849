import { CERTIFICATE_BY_DEFAULT } from '../identity/certificate.ts'
import type { Incident } from '../model/incident.ts'
import type { Signal } from '../model/signal.ts'

const MAX_MEMBERS = 100
const CAMPAIGN = 'campaign'

interface Named {
  readonly kind: string
  readonly value: string
}

const nameOf = ({ kind, value }: Named): string => `${kind}:${value}`

/** Whom the signals of one incident are about, and where they came from: at most 100 of each, the first ones. */
export class Involved {
  /** By text, in order of appearance; several when signals about different subjects were folded. */
  readonly #subjects = new Map<string, Named>()
  readonly #sources = new Map<string, Named>()
  readonly #seenFrom = new Set<string>()
  /** An address among them is known only by the word of a hop that nobody configured. */
  hearsay = false
  /** Several people are behind an address among them. */
  shared = false

  /** As they were when they were reported. Members beyond the hundredth are lost. */
  static restore(incident: Incident): Involved {
    const involved = new Involved()
    const { subject, targets } = incident
    for (const { kind, value, role } of targets) {
      const list = role === 'source' ? involved.#sources : involved.#subjects
      list.set(nameOf({ kind, value }), { kind, value })
    }
    if (targets.length === 0) involved.#subjects.set(nameOf(subject), { kind: subject.kind, value: subject.value })
    const named = new Set(targets.map(({ value }) => value))
    for (const member of subject.members) if (!named.has(member)) involved.#seenFrom.add(member)
    involved.hearsay = incident.doubts.includes('forwarded.default')
    involved.shared = incident.doubts.includes('shared_address')
    return involved
  }

  add(signal: Signal, hopsConfigured: boolean): void {
    if (isHearsay(signal, hopsConfigured)) this.hearsay = true
    if (signal.sharedAddress === true) this.shared = true
    const shown = shownSubject(signal)
    const { source, source_kind: kind } = signal.evidence
    const named = typeof source === 'string' && typeof kind === 'string' ? { kind, value: source } : null
    if (named !== null && this.#sources.size < MAX_MEMBERS) this.#sources.set(nameOf(named), named)
    const { seen_from: seenFrom } = signal.evidence
    if (Array.isArray(seenFrom)) {
      for (const from of seenFrom) if (this.#seenFrom.size < MAX_MEMBERS) this.#seenFrom.add(String(from))
    }
    const text = nameOf(shown)
    if (this.#sources.has(text)) return
    if (this.#subjects.size < MAX_MEMBERS) this.#subjects.set(text, shown)
  }

  /** Whether the signal is about somebody it knows. */
  knows(signal: Signal): boolean {
    return this.#subjects.has(nameOf(shownSubject(signal)))
  }

  /** One target: the target, with its sources as members. Several targets of one source: the source, with the targets. A campaign is over both. */
  subject(): Incident['subject'] {
    const subjects = [...this.#subjects.values()].sort(
      (a, b) => Number(b.kind === CAMPAIGN) - Number(a.kind === CAMPAIGN),
    )
    const sources = [...this.#sources.values()]
    const bySource = sources.length > 0 && subjects.length !== 1 && subjects[0]?.kind !== CAMPAIGN
    const main = bySource ? sources[0]! : (subjects[0] ?? sources[0]!)
    const others = bySource ? [...sources.slice(1), ...subjects] : [...subjects.slice(1), ...sources]
    const members = new Set([...others.map((other) => other.value), ...this.#seenFrom])
    members.delete(main.value)
    return { kind: main.kind, value: main.value, members: [...members].slice(0, MAX_MEMBERS) }
  }

  /** Subjects, then sources, in order of appearance. */
  targets(): Incident['targets'] {
    const as = (role: 'subject' | 'source') => (named: Named) => ({ ...named, role })
    return [...[...this.#subjects.values()].map(as('subject')), ...[...this.#sources.values()].map(as('source'))]
  }
}

/**
 * Whether an address in the signal, or the holder of a certificate, was only told by a hop trusted by default. Such a hop may be
 * the attacker, who writes whom he likes into X-Forwarded-For: nothing may be enforced on that (contracts.md, Transaction).
 */
function isHearsay(signal: Signal, hopsConfigured: boolean): boolean {
  if (signal.principal.via === 'forwarded.default' || signal.principal.via === CERTIFICATE_BY_DEFAULT) return true
  // An identity of another kind says nothing of how the address beside it was found.
  return signal.forwarded === true && signal.principal.kind !== 'ip' && !hopsConfigured
}

/** contracts.md, Incident: the address, the user's display, or the pseudonym. */
function shownSubject(signal: Signal): Named {
  const { principal, subject } = signal
  const isCaller = subject.kind === principal.kind && subject.value === principal.id
  const display = isCaller && principal.kind === 'user' && principal.display !== '' ? principal.display : subject.value
  return { kind: subject.kind, value: display }
}
