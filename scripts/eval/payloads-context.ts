import { DetectorSet } from '../../analyzers/analysis.ts'
import { injectionDetectors } from '../../analyzers/detectors/injection.ts'
import { scoreOf } from '../../daemon/identity/payload-score.ts'
import { IncidentBook } from '../../daemon/incidents/incident-book.ts'
import type { IncidentChange } from '../../daemon/model/incident.ts'
import { HOUR_US, SECOND_US } from '../../daemon/model/time.ts'
import type { PayloadMark, Transaction } from '../../daemon/model/transaction.ts'
import { requestFields } from '../../daemon/payload/request-fields.ts'
import type { PayloadFinding } from '../../daemon/payload/scanner.ts'
import { unwrap } from '../../daemon/payload/unwrap.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { Random } from '../../demo/random.ts'
import { START, transaction, user } from '../../test/conformance/traffic.ts'
import { fakeTelemetry } from '../../test/fake-exchange.ts'
import type { Attack } from '../../test/payload/attacks.ts'
import { type Benign, NAMES_OF_FIELDS } from '../../test/payload/benign/requests.ts'
import type { CorpusRequest } from '../../test/payload/corpus-request.ts'
import { fakeHead } from '../../test/payload/fake-head.ts'
import { scan } from '../../test/payload/scan.ts'
import { count, newScanner, type Share, type Shares, share } from './payloads-score.ts'

/** Between two requests; 50,000 are a bit over eleven days. */
const APART_US = 20 * SECOND_US
const PEOPLE = 1000
/** Who uses one application. */
const USERS = 200
const NETWORKS = 40
const OWN_FIELDS = new Set(NAMES_OF_FIELDS)

/** False alarms of one application, and what an attack on its field comes to once all is learnt. */
export interface Application {
  /** Requests and signals from the first request on, while nothing is known. */
  readonly all: Share
  /** The same of the second half of the traffic. */
  readonly late: Share
  /** Of the late requests: what the shipped odds alone would have said. */
  readonly lateBefore: Share
  /** Every attack of the set, sent to this application. */
  readonly attacks: Share
}

export interface ContextScore {
  readonly all: Share
  readonly late: Share
  readonly lateBefore: Share
  readonly applications: ReadonlyMap<string, Application>
  /** Incidents that benign requests opened: over all the traffic, and in its second half. */
  readonly incidents: { readonly all: number; readonly late: number }
  /** Rules of the late signals. */
  readonly rules: ReadonlyMap<string, number>
  /** Attacks, each sent to every application: a share is over attacks and applications. */
  readonly attacks: Share
  readonly classes: Shares
  readonly placements: Shares
}

/**
 * The benign requests as traffic. Each kind of value is an application: an endpoint with one field of its own, which gets all
 * values of the kind, however they are sent; headers, cookies and other fields keep their names. 1,000 people from 40
 * networks use them, 200 each, in the order of the corpus, a request every 20 s, all answered 200. Signals, incidents and the
 * suspicion that they bring go the ways of the daemon. Then each attack is sent to each application, each time by another stranger.
 */
export function contextOf(requests: Iterable<Benign>, attacks: Iterable<Attack>): ContextScore {
  const traffic = [...requests]
  const service = new Service()
  const applications = new Map<string, Application>()
  const score = {
    all: none(),
    late: none(),
    lateBefore: none(),
    applications,
    incidents: { all: 0, late: 0 },
    rules: new Map<string, number>(),
    attacks: none(),
    classes: new Map<string, Share>(),
    placements: new Map<string, Share>(),
  }
  const half = traffic.length >> 1
  const scanner = newScanner()
  let opened = 0
  for (const [index, { kind, request }] of traffic.entries()) {
    if (index === half) opened = service.opened
    let own = applications.get(kind)
    if (own === undefined) {
      own = { all: none(), late: none(), lateBefore: none(), attacks: none() }
      applications.set(kind, own)
    }
    const marks = scan(scanner, request).map((finding) => markOf(finding, isOwn))
    const rules = service.see(kind, marks, ownValue(request))
    const alarm = rules.length > 0
    for (const each of [score.all, own.all]) count(each, alarm, false)
    if (index < half) continue
    for (const each of [score.late, own.late]) count(each, alarm, false)
    const before = marks.some(({ logOdds }) => logOdds >= REPORT)
    for (const each of [score.lateBefore, own.lateBefore]) count(each, before, false)
    for (const rule of rules) score.rules.set(rule, (score.rules.get(rule) ?? 0) + 1)
  }
  score.incidents = { all: service.opened, late: service.opened - opened }
  for (const attack of attacks) {
    const marks = scan(scanner, attack.request).map((finding) => markOf(finding, isMain))
    const value = ownValue(attack.request, isMain)
    for (const [kind, own] of applications) {
      const classes = service.attacked(kind, marks, value)
      const found = classes.length > 0
      const named = classes.includes(attack.class)
      for (const each of [
        score.attacks,
        own.attacks,
        share(score.classes, attack.class),
        share(score.placements, attack.placement),
      ])
        count(each, found, named)
    }
  }
  return score
}

/** The default of the detectors' option. */
const REPORT = -Math.log(1e-3)

class Service {
  opened = 0
  readonly #telemetry = fakeTelemetry()
  readonly #book = new IncidentBook({ telemetry: this.#telemetry, rules: shippedPolicies().rules })
  readonly #set = new DetectorSet(
    injectionDetectors.map((declaration) => ({ declaration, options: {} })),
    this.#telemetry,
  )
  readonly #random = new Random('who sends it')
  #now = START
  #ticked = START
  #strangers = 0

  /** Rules of the signals that a request of one of its users raises. */
  see(application: string, marks: readonly PayloadMark[], value: string): string[] {
    this.#now += APART_US
    for (; this.#ticked <= this.#now; this.#ticked += 10 * SECOND_US) {
      this.#set.tick(this.#ticked)
      this.#tell(this.#book.tick(this.#ticked))
    }
    const who = (hash(application) + this.#random.between(0, USERS - 1)) % PEOPLE
    const tx = this.#request(application, marks, who, 200, value)
    const signals = [...this.#set.observe(tx, this.#now)]
    for (const signal of signals) this.#tell(this.#book.push(signal))
    return signals.map(({ evidence }) => String(evidence.rule))
  }

  /** Classes of the signals that a stranger's request would raise; nothing is learnt from it. */
  attacked(application: string, marks: readonly PayloadMark[], value: string): string[] {
    const tx = this.#request(application, marks, PEOPLE + this.#strangers++, null, value)
    return this.#set
      .observe(tx, this.#now + HOUR_US)
      .map(({ evidence }) => marks.find(({ rule }) => rule === evidence.rule)?.class ?? '')
  }

  #request(
    application: string,
    marks: readonly PayloadMark[],
    who: number,
    status: number | null,
    value: string,
  ): Transaction {
    const requestBody = JSON.stringify({ value })
    return transaction({
      ...user(`person${who}`),
      clientIp: `198.51.${who % NETWORKS}.7`,
      endpoint: `POST /${application}`,
      time: this.#now,
      marks,
      status,
      requestBody,
      requestBodyBytes: requestBody.length,
    })
  }

  #tell(changes: readonly IncidentChange[]): void {
    for (const { kind, incident } of changes) {
      if (kind === 'updated') continue
      if (kind === 'opened') this.opened++
      for (const detector of incident.detectors)
        this.#set.suspect(detector, incident.subject, kind === 'opened', this.#now)
    }
  }
}

/** As the recorder marks it; what is shown of it changes no odds. `main`: whether it stands in the application's own field. */
function markOf(finding: PayloadFinding, main: (field: string) => boolean): PayloadMark {
  const logOdds = Math.round(finding.logOdds * 100) / 100
  return {
    kind: 'payload',
    class: finding.class,
    rule: finding.rule,
    field: main(finding.field) ? 'body:/value' : finding.field,
    score: scoreOf(logOdds),
    logOdds,
    layers: finding.layers,
    excerpt: '',
    tokens: '',
    reflected: false,
    delayMs: null,
  }
}

/** What stands in the application's own field: empty where the request has none. */
function ownValue({ method, target, headers, body }: CorpusRequest, main: (field: string) => boolean = isOwn): string {
  let found = ''
  requestFields(fakeHead(method, target, headers), body, ({ name, value, place }) => {
    if (found === '' && main(name)) found = unwrap(value, place === 'query' || place === 'form').text
  })
  return found
}

function isOwn(field: string): boolean {
  const [place, name = ''] = field.split(':', 2)
  return (place === 'query' || place === 'body') && OWN_FIELDS.has(name.split('/').at(-1) ?? '')
}

/** The corpus of attacks has one field in each message, whatever its name. */
function isMain(field: string): boolean {
  return field.startsWith('query:') || field.startsWith('body:')
}

function none(): Share {
  return { total: 0, found: 0, named: 0 }
}

function hash(text: string): number {
  let value = 7
  for (const c of text) value = (value * 31 + c.charCodeAt(0)) % PEOPLE
  return value
}
