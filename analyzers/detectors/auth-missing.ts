import { z } from 'zod'
import { SENSITIVE_CLASSES, type SensitiveClass } from '../../daemon/inventory/sensitive.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { DAY_US, type EventTime } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { ADMISSION_DEFAULTS, Admission, AdmissionState } from '../baselines/admission.ts'
import { DistinctCounter, DistinctState } from '../baselines/distinct-counter.ts'
import { KeyedEntry } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { isAuthenticated, principalKey, voteKey } from '../baselines/principal-key.ts'
import { amount, flag, text, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, signalOf } from '../finding.ts'
import { endpointSubject, gaveSomething } from './access/answer.ts'
import { showsCredential } from './access/credentials-shown.ts'
import { EndpointTable } from './access/endpoint-table.ts'
import { personalData, severityOfGiven } from './access/personal-data.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-2).describe('p-value from which an answer is a signal'),
  leastCallers: z.int().min(2).default(10).describe('signed-in callers before an endpoint is known to want them'),
  publicNetworks: z.int().min(2).default(10).describe('networks of strangers that make an endpoint public, in a day'),
  maxEndpoints: z.int().min(16).default(8192).describe('endpoints with state'),
})
type MissingOptions = z.infer<typeof Options>

/** Answers of one caller that count: a client that polls says no more than one that calls now and then. */
const ANSWERS_PER_CALLER = 5
/** An endpoint that this many networks of strangers were answered by is public, and no more is asked. */
const PLAINLY_PUBLIC = 16
/** Answers of an endpoint in which personal data is looked for; refusals whose headers are looked at. */
const MAX_LOOKS = 16
/** Of public endpoints at most one in ten hands out personal data. */
const PERSONAL_IN_PUBLIC = 0.1
/** And at most a third say whose the object is. */
const OWNED_IN_PUBLIC = 0.3
const OWNER = /"(?:owner|user|customer|account|tenant|member|patient)_?id"\s*:/i
const MAX_OWNER_LOOK = 4096
const MATURE_ANSWERS = 300

const FlaggedState = z.tuple([
  time,
  DistinctState,
  DistinctState,
  z.array(z.enum(SENSITIVE_CLASSES)).max(SENSITIVE_CLASSES.length),
  flag,
  z.tuple([amount, amount]),
])
/** Signed-in callers and their answers, strangers seen and admitted, refusals and looks at them, what was flagged. */
const EndpointUseState = z.tuple([
  amount,
  DistinctState,
  DistinctState,
  z.tuple([amount, amount, amount]),
  FlaggedState.nullable(),
])
const SummaryState = z.tuple([text, text])
const Kept = z.union([z.tuple([z.literal('endpoint'), KeyedEntry]), z.tuple([z.literal('admission'), AdmissionState])])

class EndpointUse {
  signedInAnswers = 0
  signedIn = new DistinctCounter()
  /** Networks of strangers: seen, and admitted after quarantine. */
  seen = new DistinctCounter()
  strangers = 0
  /** Refusals of strangers who showed nothing. */
  refusals = 0
  looksAtRefusals = 0
  /** What was flagged, to be taken for the new state of things in time. */
  flagged: Flagged | null = null

  get answers(): number {
    return Math.min(this.signedInAnswers, ANSWERS_PER_CALLER * this.signedIn.count)
  }

  /** Chance that the next answer goes to a stranger, if the endpoint lets them in at all as it did so far. */
  get strangersShare(): number {
    return ((this.strangers + 0.5) / (this.answers + this.strangers + 1)) * (0.5 / (0.5 + this.refusals))
  }

  toState(): z.infer<typeof EndpointUseState> {
    const { signedInAnswers, signedIn, seen, strangers, refusals, looksAtRefusals, flagged } = this
    const counts: [number, number, number] = [strangers, refusals, looksAtRefusals]
    return [signedInAnswers, signedIn.toState(), seen.toState(), counts, flagged === null ? null : flagged.toState()]
  }

  static fromState([answers, signedIn, seen, counts, flagged]: z.infer<typeof EndpointUseState>): EndpointUse {
    const use = new EndpointUse()
    use.signedInAnswers = answers
    use.signedIn = DistinctCounter.fromState(signedIn)
    use.seen = DistinctCounter.fromState(seen)
    ;[use.strangers, use.refusals, use.looksAtRefusals] = counts
    use.flagged = flagged === null ? null : Flagged.fromState(flagged)
    return use
  }
}

class Flagged {
  readonly since: EventTime
  networks = new DistinctCounter()
  objects = new DistinctCounter()
  classes = new Set<SensitiveClass>()
  /** The answer says whose the object is. */
  owned = false
  answers = 0
  looks = 0

  /** Why strangers are not meant to be there: how much rarer such an answer is at a public endpoint. Null: no sign of it. */
  rarity(refusals: number): number | null {
    if (this.classes.size > 0) return PERSONAL_IN_PUBLIC
    if (this.owned) return OWNED_IN_PUBLIC
    return refusals > 0 ? 1 : null
  }

  constructor(since: EventTime) {
    this.since = since
  }

  toState(): z.infer<typeof FlaggedState> {
    const { since, networks, objects, classes, owned, answers, looks } = this
    return [since, networks.toState(), objects.toState(), [...classes], owned, [answers, looks]]
  }

  static fromState([since, networks, objects, classes, owned, counts]: z.infer<typeof FlaggedState>): Flagged {
    const flagged = new Flagged(since)
    flagged.networks = DistinctCounter.fromState(networks)
    flagged.objects = DistinctCounter.fromState(objects)
    flagged.classes = new Set(classes)
    flagged.owned = owned
    ;[flagged.answers, flagged.looks] = counts
    return flagged
  }
}

class AuthMissing implements Detector {
  readonly stateVersion = 1
  readonly #options: MissingOptions
  readonly #endpoints: EndpointTable<EndpointUse>
  readonly #admission: Admission<{ readonly service: string; readonly endpoint: string }, z.infer<typeof SummaryState>>
  #frozen = false

  constructor(options: MissingOptions) {
    this.#options = options
    this.#endpoints = new EndpointTable(options.maxEndpoints, () => new EndpointUse())
    this.#admission = new Admission(
      ADMISSION_DEFAULTS,
      ({ service, endpoint }) => {
        const use = this.#endpoints.peek(service, endpoint)
        if (use !== undefined) use.strangers++
      },
      {
        schema: SummaryState,
        toState: ({ service, endpoint }) => [service, endpoint],
        fromState: ([service, endpoint]) => ({ service, endpoint }),
      },
    )
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service, endpoint, status } = tx
    if (service === null || endpoint === null || status === null || tx.method === 'OPTIONS') return null
    const isRefusal = status === 401 || status === 403
    if (!isRefusal && (status < 200 || status >= 300)) return null
    const use = this.#endpoints.use(service, endpoint)
    if (isAuthenticated(tx.principal)) {
      if (!isRefusal && !this.#frozen) {
        use.signedInAnswers++
        use.signedIn.learnOne(hashText(principalKey(tx.principal)))
      }
      return null
    }
    if (isRefusal) {
      if (use.looksAtRefusals < MAX_LOOKS) {
        use.looksAtRefusals++
        if (!showsCredential(tx)) use.refusals++
      }
      return null
    }
    if (use.strangers >= PLAINLY_PUBLIC) return null
    const signal = this.#judge(tx, use, now)
    if (signal === null) this.#learn(tx, use, service, endpoint, now)
    return signal
  }

  tick(now: EventTime): void {
    this.#admission.release(now)
    this.#endpoints.tick(now)
  }

  suspect(caller: string, open: boolean, now: EventTime): void {
    this.#admission.suspect(caller, open, now)
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#frozen = frozen
    this.#admission.freeze(frozen, now)
  }

  sizes() {
    return { endpoints: this.#endpoints.occupancy, quarantine: this.#admission.occupancy }
  }

  maturity(): number {
    return this.#endpoints.mean(maturityOf)
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    for (const entry of this.#endpoints.entries((use) => use.toState())) yield ['endpoint', entry]
    for (const state of this.#admission.snapshot()) yield ['admission', state]
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    if (kept[0] === 'admission') this.#admission.restore(kept[1])
    else this.#endpoints.restore(kept[1], EndpointUse.fromState(EndpointUseState.parse(kept[1][4])))
  }

  #judge(tx: Transaction, use: EndpointUse, now: EventTime): Signal | null {
    const { report, leastCallers } = this.#options
    if (use.signedIn.count < leastCallers) return null
    const share = use.strangersShare
    if (share * PERSONAL_IN_PUBLIC > report) return null
    use.flagged ??= new Flagged(now)
    const { flagged } = use
    // Headers and bodies are only read where they could matter, and at a public endpoint less and less often.
    const worthALook = ++flagged.looks <= MAX_LOOKS || isPowerOfTwo(flagged.looks)
    const sign = flagged.rarity(use.refusals)
    if (!worthALook && (sign === null || share * sign > report)) return null
    if (showsCredential(tx) || !gaveSomething(tx)) return null
    if (worthALook) {
      const body = tx.responseBody
      for (const kind of personalData(body)) flagged.classes.add(kind)
      flagged.owned ||= body !== undefined && OWNER.test(body.slice(0, MAX_OWNER_LOOK))
    }
    // That nobody else came so far is no sign that strangers may not: a shop’s pages are first read by its customers.
    const rarity = flagged.rarity(use.refusals)
    if (rarity === null) return null
    const pValue = share * rarity
    if (pValue > report) return null
    flagged.answers++
    flagged.networks.learnOne(hashText(voteKey(tx.principal)))
    if (tx.objectIds.length > 0) flagged.objects.learnOne(hashText(tx.objectIds.join('/')))
    if (this.#isPublicNow(use, flagged, now)) return null
    return missingSignal(tx, use, flagged, pValue, now)
  }

  /** Whoever opened it meant to: strangers come from everywhere, for a day, and the incident has said so. */
  #isPublicNow(use: EndpointUse, flagged: Flagged, now: EventTime): boolean {
    if (now - flagged.since < DAY_US || flagged.networks.count < this.#options.publicNetworks) return false
    use.strangers = PLAINLY_PUBLIC
    use.flagged = null
    return true
  }

  #learn(tx: Transaction, use: EndpointUse, service: string, endpoint: string, now: EventTime): void {
    const caller = principalKey(tx.principal)
    const voter = voteKey(tx.principal)
    if (this.#admission.isSuspect(caller, now) || use.seen.learnOne(hashText(voter)) === 0) return
    this.#admission.offer(caller, voter, { service, endpoint }, maturityOf(use) >= 1, now)
  }
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0
}

function maturityOf({ answers }: EndpointUse): number {
  return Math.min(1, answers / MATURE_ANSWERS)
}

function missingSignal(tx: Transaction, use: EndpointUse, flagged: Flagged, pValue: number, now: EventTime): Signal {
  const classes = [...flagged.classes]
  const objects = Math.round(flagged.objects.count)
  const callers = Math.round(use.signedIn.count)
  const given =
    classes.length === 0
      ? flagged.owned
        ? ', with the owner named in the answer'
        : ''
      : `, with ${classes.join(', ').replaceAll('_', ' ')} in the answer`
  const refused = use.refusals > 0 ? `, and ${countText(use.refusals, 'stranger')} refused` : ''
  return signalOf('auth.missing', tx, now, {
    log10P: Math.log10(pValue),
    maturity: maturityOf(use),
    severity: severityOfGiven(classes),
    why: `${tx.endpoint} answered ${countText(flagged.answers, 'request')} without any credential${given}; so far ${countText(callers, 'signed-in caller')} were answered${refused}, and ${countText(use.strangers, 'network')} of strangers`,
    expected: `${countText(use.strangers, 'network')} of strangers beside ${countText(callers, 'signed-in caller')}`,
    observed: `${countText(flagged.answers, 'answer')} to strangers`,
    evidence: {
      signed_in_callers: callers,
      signed_in_answers: use.signedInAnswers,
      strangers_refused: use.refusals,
      strangers_answered: flagged.answers,
      networks: Math.round(flagged.networks.count),
      sensitive: classes,
      names_an_owner: flagged.owned,
    },
    subject: endpointSubject(tx),
    outcome: { answered: flagged.answers, refused: 0, objectsExposed: objects, accounts: [], pSuccess: 0.9 },
    evidenceBefore: [],
  })
}

export const authMissing = defineDetector({
  id: 'auth.missing',
  title: 'An answer without authentication',
  owasp: ['API2:2023'],
  attack: ['T1190'],
  describes: {
    detects:
      'An endpoint that has answered signed-in callers only, and now answers somebody who shows no credential at all: a check that a release lost, a route around the gateway.',
    statistic:
      'Two things must come together. Per endpoint, the chance that an answer goes to a stranger as things were: (networks of strangers + 0.5) / (answers to signed-in callers + networks + 1), at most five answers a caller. And a sign that strangers are not meant to be there: personal data in the answer (public endpoints seldom give any: a tenth), an owner named in it (owner_id, customer_id: a third), or strangers who were refused here before (1 / (1 + 2 x refusals)). Networks of strangers count after quarantine, and not what was flagged. One incident per endpoint; its severity is by what was given: card, bank, identity numbers, passwords and tokens critical, e-mail and phone high, else medium.',
    memory: 'maxEndpoints endpoints, 0.3 KiB each, 2 KiB with more than 64 callers. Evictions are counted.',
    warmUp:
      'Answers nothing for an endpoint before leastCallers signed-in callers were answered by it, at least 50 times where personal data is given, some 500 times where not and nobody was refused.',
    traps:
      'Public endpoints (strangers are among the first hundreds of callers), pages for people, empty answers and errors sent with a 200, signed links, client certificates that a header tells of, cookies of any name (they may be a session that is not known). An endpoint that was opened on purpose is told once, and taken for public after a day with strangers from publicNetworks networks. Missed: what was open from the start; an endpoint that names no person and no owner and has not refused anybody yet, and without bodies every one that has not; HTML; credentials that are shown and not checked (auth.token_forged); a stranger with a cookie of any kind.',
    tuning: 'leastCallers and report; publicNetworks for services with few callers.',
  },
  options: Options,
  create: (options) => new AuthMissing(options),
})
