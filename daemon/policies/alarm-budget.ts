import { createHash } from 'node:crypto'
import type { DurableMap } from '../durable/durable-map.ts'
import { DAY_US } from '../model/time.ts'
import type { Verdict } from '../model/verdict.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { Policy } from './policy.ts'
import type { PolicyDocument } from './policy-file.ts'

const WEEK_US = 7 * DAY_US
/** Policies whose verdicts are remembered; those of files that are long gone go first. */
const MOST_KEPT = 1000
/** What is thought of the precision of a policy before anybody said anything: anything between 0 and 1. */
const PRIOR = 1

/** How a policy stands with its budget, as kept on disk. */
export interface BudgetEntry {
  readonly policy: string
  /** Of what the file and the configuration said of it: another text is another policy. */
  readonly fingerprint: string
  /** What was said before does not count (Unix milliseconds): it was changed since, or put back by an operator. */
  readonly sinceMs: number
  readonly demotion: { readonly atMs: number; readonly why: string } | null
}

export interface VerdictCounts {
  readonly attack: number
  readonly benign: number
  readonly false: number
}

const NOTHING_SAID: VerdictCounts = { attack: 0, benign: 0, false: 0 }

/** How a policy stands, as it is shown. */
export interface PolicyStanding extends VerdictCounts {
  /** Mean of the Beta posterior of the share of its incidents that are attacks; benign ones do not count. */
  readonly precision: number
  /** Null where it keeps its mode. */
  readonly demotion: BudgetEntry['demotion']
}

export interface AlarmBudgetOptions {
  readonly entries: DurableMap<BudgetEntry>
  readonly verdicts: () => Iterable<Verdict>
  readonly nowMs: () => number
  /** A policy lost its mode or has it back: a sentence for the log. */
  readonly changed: (policy: string, why: string) => void
}

/**
 * What people's verdicts say of policies. One that enforces and had more false incidents in a week than its budget allows only
 * stages from then on (`budget.onExceed`), until an operator puts it back, its file or its configuration changes, or so many verdicts are
 * taken back. The week is that of the incidents' opening, up to the newest false one.
 */
export class AlarmBudget {
  readonly #options: AlarmBudgetOptions
  #documents: readonly PolicyDocument[] = []
  /** The set that was asked for last, and what became of it. */
  #applied: { readonly of: readonly Policy[]; readonly are: readonly Policy[] } | null = null

  constructor(options: AlarmBudgetOptions) {
    this.#options = options
  }

  /** These policies are in force now, or something was said: says who lost its mode and who has it back. */
  async review(documents: readonly PolicyDocument[] = this.#documents): Promise<void> {
    this.#documents = documents
    this.#applied = null
    const falseOnes = this.#falseByPolicy()
    for (const document of documents) {
      const { id } = document.file.metadata
      const before = this.#options.entries.get(id)
      const after = this.#reviewed(document, before, falseOnes.get(id) ?? [])
      if (after !== before) await this.#keep(after)
    }
  }

  /** The policies with the modes that they have left. */
  applied(policies: readonly Policy[]): readonly Policy[] {
    if (this.#applied?.of !== policies) {
      this.#applied = { of: policies, are: policies.map((policy) => this.#withMode(policy)) }
    }
    return this.#applied.are
  }

  /** `said`: counts() of a moment ago. */
  standing(policy: string, said = this.counts()): PolicyStanding {
    const counts = said[policy] ?? NOTHING_SAID
    const precision = (PRIOR + counts.attack) / (2 * PRIOR + counts.attack + counts.false)
    const { demotion = null } = this.#options.entries.get(policy) ?? {}
    return { ...counts, precision: Math.round(precision * 1000) / 1000, demotion }
  }

  /** What was said, by policy; only those of which something was. */
  counts(): Readonly<Record<string, VerdictCounts>> {
    const counts: Record<string, { -readonly [Word in keyof VerdictCounts]: number }> = {}
    for (const { policy, is } of this.#options.verdicts()) {
      if (is === 'none') continue
      const of = counts[policy] ?? { ...NOTHING_SAID }
      of[is]++
      counts[policy] = of
    }
    return counts
  }

  /** Policies that do not enforce any more, by id. */
  demoted(): BudgetEntry[] {
    return this.#documents.flatMap(({ file }) => {
      const entry = this.#options.entries.get(file.metadata.id)
      return entry === undefined || entry.demotion === null ? [] : [entry]
    })
  }

  /** An operator gives a policy its mode back; what was said until now counts no more. */
  async reinstate(policy: string, { who, reason }: { readonly who: string; readonly reason: string }): Promise<void> {
    const entry = this.#options.entries.get(policy)
    if (entry === undefined || entry.demotion === null) {
      throw new OffpathError('OFFPATH_E_STATE', `policy ${policy.slice(0, 64)} was not demoted`, {
        remedy: 'offpath policy list says which were',
      })
    }
    this.#applied = null
    await this.#options.entries.set(policy, { ...entry, sinceMs: this.#options.nowMs(), demotion: null })
    this.#options.changed(policy, `policy ${policy} enforces again: put back by ${who}: ${reason}`)
  }

  #reviewed(
    document: PolicyDocument,
    before: BudgetEntry | undefined,
    said: readonly Verdict[],
  ): BudgetEntry | undefined {
    const { id } = document.file.metadata
    const { falseIncidentsPerWeek, onExceed } = document.file.budget
    const fingerprint = fingerprintOf(document)
    if (before === undefined && said.length === 0) return undefined
    const nowMs = this.#options.nowMs()
    if (before !== undefined && before.fingerprint !== fingerprint) {
      if (before.demotion !== null) {
        this.#options.changed(
          id,
          `policy ${id} has its mode back: it was changed, and what was said before counts no more`,
        )
      }
      return { policy: id, fingerprint, sinceMs: nowMs, demotion: null }
    }
    const entry = before ?? { policy: id, fingerprint, sinceMs: 0, demotion: null }
    const count = inOneWeek(said.filter(({ saidAtMs }) => saidAtMs > entry.sinceMs))
    const exceeds = count > falseIncidentsPerWeek
    if (exceeds && entry.demotion === null && document.mode === 'enforce' && onExceed === 'stage') {
      const why = `${count} of its incidents of one week were found to be false, its budget is ${falseIncidentsPerWeek}`
      this.#options.changed(
        id,
        `policy ${id} does not enforce any more, each of its actions waits for a person: ${why}. offpath policy reinstate ${id} gives its mode back`,
      )
      return { ...entry, demotion: { atMs: nowMs, why } }
    }
    if (!exceeds && entry.demotion !== null) {
      this.#options.changed(id, `policy ${id} has its mode back: verdicts were taken back`)
      return { ...entry, demotion: null }
    }
    return entry
  }

  async #keep(entry: BudgetEntry | undefined): Promise<void> {
    if (entry === undefined) return
    const { entries } = this.#options
    await entries.set(entry.policy, entry)
    if (entries.size <= MOST_KEPT) return
    const known = new Set(this.#documents.map(({ file }) => file.metadata.id))
    for (const { policy } of [...entries.values()]) {
      if (entries.size > MOST_KEPT && !known.has(policy)) await entries.delete(policy)
    }
  }

  #withMode(policy: Policy): Policy {
    const demoted = policy.mode === 'enforce' && this.#options.entries.get(policy.id)?.demotion != null
    return demoted ? { ...policy, mode: 'stage' } : policy
  }

  #falseByPolicy(): Map<string, Verdict[]> {
    const found = new Map<string, Verdict[]>()
    for (const verdict of this.#options.verdicts()) {
      if (verdict.is !== 'false') continue
      const list = found.get(verdict.policy)
      if (list === undefined) found.set(verdict.policy, [verdict])
      else list.push(verdict)
    }
    return found
  }
}

/** How many of them were opened within the week that ends with the newest. */
function inOneWeek(said: readonly Verdict[]): number {
  const newest = said.reduce((time, { openedAt }) => Math.max(time, openedAt), 0)
  return said.filter(({ openedAt }) => newest - openedAt < WEEK_US).length
}

function fingerprintOf({ file, mode }: PolicyDocument): string {
  const { tests: _, ...acts } = file
  return createHash('sha256')
    .update(JSON.stringify([acts, mode]))
    .digest('hex')
    .slice(0, 32)
}
