import { z } from 'zod'
import type { SharedLearning } from '../../daemon/model/learning.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { DAY_US, type EventTime } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { ADMISSION_DEFAULTS, Admission, AdmissionState } from '../baselines/admission.ts'
import { CallerIndex } from '../baselines/caller-index.ts'
import { KeyedEntry } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { Others } from '../baselines/others.ts'
import { isAuthenticated } from '../baselines/principal-key.ts'
import { text } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { gaveSomething } from './access/answer.ts'
import { namesCredential, showsCredential } from './access/credentials-shown.ts'
import { EndpointTable } from './access/endpoint-table.ts'
import { personalData } from './access/personal-data.ts'
import { EndpointUse, EndpointUseState, Flagged, PERSONAL_IN_PUBLIC, UseCounts } from './auth-missing/endpoint-use.ts'
import { missingSignal } from './auth-missing/finding.ts'
import { Siblings } from './auth-missing/siblings.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-2).describe('p-value from which an answer is a signal'),
  leastCallers: z.int().min(2).default(10).describe('signed-in callers before an endpoint is known to want them'),
  publicNetworks: z.int().min(2).default(10).describe('networks of strangers that make an endpoint public, in a day'),
  maxEndpoints: z.int().min(16).default(8192).describe('endpoints with state'),
})
type MissingOptions = z.infer<typeof Options>

/** An endpoint that this many networks of strangers were answered by is public, and no more is asked. */
const PLAINLY_PUBLIC = 16
/** Answers of an endpoint in which personal data is looked for; refusals whose headers are looked at. */
const MAX_LOOKS = 16
/** Signed-in callers that are enough where strangers who asked for the same were refused, or no other endpoint lets any in. */
const FEW_IF_REFUSED = 2
const FEW_IF_GUARDED = 5
/** A service of which no more than this share of the endpoints lets strangers in. */
const GUARDED_SERVICE = 0.1
const MAX_SERVICES = 1024
const OWNER = /"(?:owner|user|customer|account|tenant|member|patient)_?id"\s*:/i
const MAX_OWNER_LOOK = 4096

const SummaryState = z.tuple([text, text])
const Kept = z.union([z.tuple([z.literal('endpoint'), KeyedEntry]), z.tuple([z.literal('admission'), AdmissionState])])

class AuthMissing implements Detector {
  readonly stateVersion = 2
  readonly #options: MissingOptions
  readonly #index: CallerIndex
  readonly #endpoints: EndpointTable<EndpointUse>
  readonly #admission: Admission<{ readonly service: string; readonly endpoint: string }, z.infer<typeof SummaryState>>
  readonly #siblings = new Siblings(MAX_SERVICES)
  readonly #others: Others<UseCounts>
  readonly shared: SharedLearning = {
    version: 1,
    tell: () => this.#endpoints.states(({ own }) => own.toState()),
    hear: (lines) => {
      this.#others.hear(lines)
      this.#endpoints.forEach((use, key) => {
        use.hear(this.#others.get(key))
        this.#place(serviceOf(key), use)
      })
    },
  }
  #frozen = false

  constructor(options: MissingOptions, callers = new CallerIndex()) {
    this.#options = options
    this.#index = callers
    this.#others = new Others(options.maxEndpoints, () => new UseCounts())
    this.#endpoints = new EndpointTable(options.maxEndpoints, (key) => {
      const use = new EndpointUse()
      use.hear(this.#others.get(key))
      return use
    })
    this.#admission = new Admission(
      ADMISSION_DEFAULTS,
      ({ service, endpoint }) => {
        const use = this.#endpoints.peek(service, endpoint)
        if (use === undefined) return
        use.own.strangers++
        this.#place(service, use)
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
        if (use.answer(this.#index.of(tx.principal).hash)) this.#place(service, use)
      }
      return null
    }
    if (isRefusal) {
      if (use.looksAtRefusals < MAX_LOOKS) {
        use.looksAtRefusals++
        if (!showsCredential(tx)) use.own.refusals++
      }
      return null
    }
    // Who shows a token is no stranger, known or not.
    if (use.strangers >= PLAINLY_PUBLIC || tx.claims !== null) return null
    const signal = this.#judge(tx, service, use, now)
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

  pardon(caller: string, now: EventTime): void {
    this.#admission.pardon(caller, now)
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#frozen = frozen
    this.#admission.freeze(frozen, now)
  }

  sizes() {
    return {
      endpoints: this.#endpoints.occupancy,
      quarantine: this.#admission.occupancy,
      others: this.#others.occupancy,
    }
  }

  maturity(): number {
    return this.#endpoints.mean((use) => use.maturity)
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    for (const entry of this.#endpoints.entries((use) => use.toState())) yield ['endpoint', entry]
    for (const state of this.#admission.snapshot()) yield ['admission', state]
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    if (kept[0] === 'admission') {
      this.#admission.restore(kept[1])
      return
    }
    const [, key, , , state] = kept[1]
    const use = EndpointUse.fromState(EndpointUseState.parse(state))
    this.#endpoints.restore(kept[1], use)
    use.hear(this.#others.get(key))
    this.#place(serviceOf(key), use)
  }

  /** Its service is told when it turns out to let strangers in, or not to. */
  #place(service: string, use: EndpointUse): void {
    const standing = use.standingFrom(this.#options.leastCallers)
    this.#siblings.move(service, use.standing, standing)
    use.standing = standing
  }

  #judge(tx: Transaction, service: string, use: EndpointUse, now: EventTime): Signal | null {
    const { report, leastCallers } = this.#options
    // A log-in says 401 to whoever shows nothing, and lets the next one in: only of what is read a refusal tells anything.
    const isRead = tx.method === 'GET' || tx.method === 'HEAD'
    const openShare = this.#siblings.openShare(service, use.standing)
    const few =
      isRead && use.refusals > 0 ? FEW_IF_REFUSED : openShare <= GUARDED_SERVICE ? FEW_IF_GUARDED : leastCallers
    if (use.callers < Math.min(few, leastCallers)) return null
    const chance = use.strangersShare * openShare
    const ofRefusals = isRead ? use.rarityOfRefusals : 1
    if (chance * ofRefusals * PERSONAL_IN_PUBLIC > report) return null
    use.flagged ??= new Flagged(now)
    const { flagged } = use
    // Headers and bodies are only read where they could matter, and at a public endpoint less and less often.
    const worthALook = ++flagged.looks <= MAX_LOOKS || isPowerOfTwo(flagged.looks)
    // That nobody else came so far is a sign only where no other endpoint lets strangers in: a shop’s pages are first read by its customers.
    const isGuarded = use.refusals > 0 || (use.isWellKnown && openShare <= GUARDED_SERVICE)
    const sign = flagged.rarity(isGuarded)
    if (!worthALook && (sign === null || chance * ofRefusals * sign > report)) return null
    if (showsCredential(tx) || !gaveSomething(tx)) return null
    if (worthALook) {
      const body = tx.responseBody
      for (const kind of personalData(body)) flagged.classes.add(kind)
      flagged.owned ||= body !== undefined && OWNER.test(body.slice(0, MAX_OWNER_LOOK))
    }
    const rarity = flagged.rarity(isGuarded)
    if (rarity === null) return null
    const pValue = chance * ofRefusals * rarity
    if (pValue > report) return null
    flagged.answers++
    flagged.networks.learnOne(this.#index.of(tx.principal).voterHash)
    if (tx.objectIds.length > 0) flagged.objects.learnOne(hashText(tx.objectIds.join('/')))
    if (this.#isPublicNow(service, use, flagged, now)) return null
    const guardedSiblings = this.#siblings.guarded(service, use.standing)
    return missingSignal(tx, use, flagged, { log10P: Math.log10(pValue), guardedSiblings }, now)
  }

  /** Whoever opened it meant to: strangers come from everywhere, for a day, and the incident has said so. */
  #isPublicNow(service: string, use: EndpointUse, flagged: Flagged, now: EventTime): boolean {
    if (now - flagged.since < DAY_US || flagged.networks.count < this.#options.publicNetworks) return false
    use.own.strangers = PLAINLY_PUBLIC
    use.flagged = null
    this.#place(service, use)
    return true
  }

  #learn(tx: Transaction, use: EndpointUse, service: string, endpoint: string, now: EventTime): void {
    const { key: caller, voter, voterHash } = this.#index.of(tx.principal)
    if (this.#admission.isSuspect(caller, now) || use.seen.learnOne(voterHash) === 0) return
    // Nor who shows one that is not known yet. A cookie may be anything: visitors of what is public bear some.
    if (tx.query !== '' && namesCredential(tx.query)) return
    if (tx.requestHeaders.some(([name]) => name.toLowerCase() === 'authorization')) return
    use.own.met++
    this.#admission.offer(caller, voter, { service, endpoint }, use.maturity >= 1, now)
  }
}

/** Of a key of EndpointTable. */
function serviceOf(key: string): string {
  return key.slice(0, key.indexOf(' '))
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0
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
      'Two things must come together. First, strangers are not let in: p = (networks of strangers + 0.5) / (answers to signed-in callers + networks + 1), at most five answers a caller, times (others that let strangers in + 1) / (others known + 1) over the other endpoints of the service (0.02 at least), times 1 / (1 + 2 x refusals) and, of what is read and never answered a stranger, 0.02 where strangers were refused. Second, a sign that they are not meant to: personal data in the answer (a tenth of public endpoints give any), an owner named in it (owner_id, customer_id: a third), strangers who were refused here before, or 50 answers without strangers at a service of which nine in ten endpoints let none in. Networks of strangers count, but not those of what was flagged, nor who shows a token that is not known yet. One incident per endpoint, which lists where the strangers came from; its severity is by what was given: card, bank, identity numbers, passwords and tokens critical, e-mail and phone high, an owner or a refusal before medium, else low.',
    memory:
      'maxEndpoints endpoints, 0.3 KiB each, 2 KiB with more than 64 callers; counts of 1,024 services. Evictions are counted.',
    warmUp:
      'Answers nothing for an endpoint before leastCallers signed-in callers were answered by it (two where strangers were refused, five where no other endpoint of the service lets any in), nor before some 50 answers with personal data, or 170 with an owner named, where no other endpoint of the service is known.',
    traps:
      'Public endpoints (strangers are among the first hundreds of callers), pages for people, empty answers and errors sent with a 200, signed links, client certificates that a header tells of, cookies of any name (they may be a session that is not known). An endpoint that was opened on purpose is told once, and taken for public after a day with strangers from publicNetworks networks. A log-in refuses and lets in by what the body says: only of GET and HEAD a refusal makes the next answer odd. Missed: what was open from the start; an endpoint that names no person and no owner, has not refused anybody and is new, or stands beside public ones; without bodies every one that has not refused; HTML; credentials that are shown and not checked (auth.token_forged); a stranger with a cookie of any kind. Told although harmless: a new endpoint for everybody, whose answers name owners, at a service that let nobody in so far.',
    tuning: 'leastCallers and report; publicNetworks for services with few callers.',
  },
  options: Options,
  create: (options, _, callers) => new AuthMissing(options, callers),
})
