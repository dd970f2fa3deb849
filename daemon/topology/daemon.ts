import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { actionEvent, type EventContext, incidentEvent } from '../../sinks/webhook/events.ts'
import type { Outbox } from '../../sinks/webhook/outbox.ts'
import type { Health } from '../api/app.ts'
import { dataFolder, subFolder } from '../api/data-folder.ts'
import { inventoryPath } from '../api/inventory-file.ts'
import { learningPath, mergedPath } from '../api/learning-path.ts'
import { lockFolder } from '../api/lock.ts'
import { DaemonMetrics } from '../api/metrics.ts'
import type { Operations, StatusJson } from '../api/operations.ts'
import type { ApiServer } from '../api/server.ts'
import type { DurableMap } from '../durable/durable-map.ts'
import type { Action, Connector } from '../model/action.ts'
import type { DeployMark } from '../model/deploy.ts'
import type { Incident, IncidentChange } from '../model/incident.ts'
import { type EventTime, HOUR_US } from '../model/time.ts'
import type { Verdict } from '../model/verdict.ts'
import { AlarmBudget, type BudgetEntry } from '../policies/alarm-budget.ts'
import type { PolicyDocument } from '../policies/policy-file.ts'
import { PolicyStore, reloadFailure } from '../policies/policy-store.ts'
import { Response } from '../response/response.ts'
import { blastRadius } from './blast-radius.ts'
import { Closers } from './closers.ts'
import { ControlRows } from './control-rows.ts'
import { DaemonOperations } from './daemon-operations.ts'
import { openConnectors, openMap, openOutbox, openStoreProcess, serveApi } from './daemon-parts.ts'
import { DaemonStatus } from './daemon-status.ts'
import { DeployLedger } from './deploy-ledger.ts'
import { DescriptionFiles } from './description-files.ts'
import type { KafkaEntry } from './engine-protocol.ts'
import { IncidentLedger, type LedgerChange, type LedgerEntry } from './incident-ledger.ts'
import { KafkaDesk } from './kafka-desk.ts'
import { type Alive, LastRun } from './last-run.ts'
import { PeerDesk, sharingOf } from './peer-desk.ts'
import type { Sharing } from './peer-learning.ts'
import type { ReplaySummary } from './replay.ts'
import { type RunRequest, type Watch, watch } from './run.ts'
import { SnapshotKeeper } from './snapshot-keeper.ts'
import type { StoreProcess } from './store-process.ts'
import { type KeptVerdict, VerdictLedger } from './verdict-ledger.ts'

type FromRun = 'config' | 'key' | 'logger' | 'learnFrom' | 'shiftFilesUs' | 'publish' | 'onLearned' | 'onReady' | 'stop'

export interface DaemonRequest extends Pick<RunRequest, FromRun> {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly version: string
  /** An incident as it stands, with what was done about it. */
  onIncident(change: IncidentChange): void
}

/** A daemon that runs: what it can be asked, and when it has ended. */
export interface Daemon {
  readonly operations: Operations
  /** `http://127.0.0.1:7710`; null without TCP. */
  readonly address: string | null
  /** Resolves when every source has ended or `stop` fires, and what they brought is handed on. */
  readonly done: Promise<ReplaySummary>
  reloadPolicies(): void
  /** In bounded time; what is sealed, promised or queued goes on at the next start. */
  close(): Promise<void>
}

/** Whether something was missed while nobody looked: files and topics wait. */
function missesWhatPasses(config: RunRequest['config']): boolean {
  return config.sources.some(({ kind }) => kind !== 'file' && kind !== 'kafka')
}

const TICK_MS = 250
const MAX_INVENTORY_BYTES = 64 * 1024 * 1024
const MAX_LEARNING_BYTES = 512 * 1024 * 1024
/** An incident that is told later than this was found in old traffic: a capture that a command feeds. */
const MAX_LATENCY_SECONDS = 600
/** Of an incident whose policy is gone. */
const AUTO_CLOSE_US = 2 * HOUR_US
/** States of an action that are on the way to one worth telling. */
const UNDER_WAY: ReadonlySet<Action['state']> = new Set(['proposed', 'dispatched', 'reverting'])
/**
 * Control of `offpath run`: what was found goes into the ledger, then to the store, to the receivers, and to the response.
 * It holds the data folder, serves the API, and reads no traffic: that is the engine's.
 */
export async function startDaemon(request: DaemonRequest): Promise<Daemon> {
  const control = new Control(request)
  try {
    await control.start()
    return control
  } catch (error) {
    await control.close()
    throw error
  }
}

class Control implements Daemon {
  readonly #request: DaemonRequest
  readonly #closers: Closers
  readonly #status = new DaemonStatus(Date.now)
  readonly #metrics = new DaemonMetrics()
  /** Changes that are being taken in: they end before anything is closed. */
  readonly #under = new Set<Promise<void>>()
  #ledger!: IncidentLedger
  #response!: Response
  #policies!: PolicyStore
  #outbox!: Outbox
  #store: StoreProcess | null = null
  #rows: ControlRows | null = null
  #inventory!: SnapshotKeeper
  #learning!: SnapshotKeeper
  #descriptions!: DescriptionFiles
  #kafka: KafkaDesk | null = null
  /** Null where nobody else reads a part of the same topics. */
  #peers: PeerDesk | null = null
  #server: ApiServer | null = null
  #watch: Watch | null = null
  #actions!: DurableMap<Action>
  #deploys!: DeployLedger
  #verdicts!: VerdictLedger
  #budget!: AlarmBudget
  #context!: EventContext
  #ready = false
  readonly #end = new AbortController()
  #cleanEnd = false
  #closing: Promise<void> | null = null
  operations!: Operations
  done!: Promise<ReplaySummary>

  constructor(request: DaemonRequest) {
    this.#request = request
    this.#closers = new Closers(request.logger)
  }

  get address(): string | null {
    return this.#server?.address ?? null
  }

  async start(): Promise<void> {
    const { config, key, version, logger, publish } = this.#request
    const closers = this.#closers
    const parts = { ...this.#request, closers }
    this.#context = { deployment: key.id, version }
    const folder = await dataFolder(config.state.folder)
    const lock = await lockFolder(folder)
    closers.add('lock', () => lock.release())
    const state = await subFolder(folder, 'state')
    // Opened first, closed last: everything below writes to them until its end.
    const entries = await openMap<LedgerEntry>(parts, join(state, 'incidents'))
    this.#actions = await openMap<Action>(parts, join(state, 'actions'))
    this.#deploys = new DeployLedger({
      marks: await openMap<DeployMark>(parts, join(state, 'deploys')),
      nowMs: Date.now,
      tell: (mark) => this.#watch?.deploy(mark),
      refused: publish === undefined ? null : 'a sensor compares nothing',
    })
    const lastRun = new LastRun(await openMap<Alive>(parts, join(state, 'alive')))
    closers.add('last run', () => lastRun.end(this.#cleanEnd))
    this.#inventory = new SnapshotKeeper({
      path: inventoryPath(folder),
      what: 'inventory',
      maxBytes: MAX_INVENTORY_BYTES,
      logger,
    })
    closers.add('inventory', () => this.#inventory.close())
    this.#learning = new SnapshotKeeper({
      path: learningPath(folder),
      what: 'learning',
      maxBytes: MAX_LEARNING_BYTES,
      packed: true,
      keepsPrevious: true,
      logger,
      // An incident that came before it must be kept before it.
      settled: () => Promise.all(this.#under),
    })
    closers.add('learning', () => this.#learning.close())
    this.#descriptions = new DescriptionFiles(config, (message) => logger.warn(message))
    closers.add('descriptions', () => this.#descriptions.close())
    const { folder: own, environment, modes } = config.policies
    this.#policies = new PolicyStore({ folder: own, environment, modes }, Date.now())
    const verdicts = await openMap<KeptVerdict>(parts, join(state, 'verdicts'))
    this.#budget = new AlarmBudget({
      entries: await openMap<BudgetEntry>(parts, join(state, 'budgets')),
      verdicts: () => verdicts.values(),
      nowMs: Date.now,
      changed: (policy, why) => logger.warn({ policy }, why),
    })
    await this.#budget.review(this.#policies.current.documents)
    this.#warnOfActions()
    const gapSeconds = await lastRun.begin(logger)
    this.#store = await openStoreProcess(parts, folder)
    if (this.#store !== null) {
      const rows = new ControlRows(this.#store)
      closers.add('rows', () => rows.close())
      this.#rows = rows
    }
    if (config.sources.some(({ kind }) => kind === 'kafka')) {
      const positions = await openMap<KafkaEntry>(parts, join(state, 'positions'))
      const desk = new KafkaDesk({ ...this.#request, positions, folder })
      closers.add('dead letters', () => desk.close())
      this.#kafka = desk
    }
    if (this.#store !== null) {
      const sharing = await sharingOf(config, await openMap<string>(parts, join(state, 'analyzer')))
      if (sharing !== null) this.#peers = this.#newPeers(sharing, this.#store)
    }
    this.#outbox = await openOutbox(parts, join(state, 'deliveries'))
    this.#response = this.#newResponse(await openConnectors(parts, this.#outbox, this.#context))
    closers.add('response', () => this.#response.close())
    this.#ledger = new IncidentLedger({
      entries,
      standing: (incident) => this.#response.standing(incident),
      tell: (change) => this.#tell(change),
      unsaved: (error) => logger.error({ error: String(error) }, 'the state of an incident could not be saved'),
    })
    this.#verdicts = new VerdictLedger({
      verdicts,
      incidents: this.#ledger,
      eventTime: () => this.#status.eventTime,
      autoCloseUs: (policy) => this.#autoCloseUs(policy),
      nowMs: Date.now,
      judged: (verdict) => this.#judged(verdict),
      tell: (verdict) => this.#watch?.verdict(verdict),
    })
    this.operations = new DaemonOperations({
      ledger: this.#ledger,
      verdicts: this.#verdicts,
      budget: this.#budget,
      deploys: this.#deploys,
      actions: this.#actions,
      response: this.#response,
      policies: this.#policies,
      outbox: this.#outbox,
      store: this.#store,
      folder,
      described: () => this.#descriptions.current,
      status: () => this.#statusJson(),
      reload: () => this.#reload(),
    })
    closers.add('metrics', () => this.#metrics.close())
    this.#server = await serveApi(parts, folder, {
      operations: this.operations,
      health: () => this.#health(),
      observe: this.#metrics.answered,
      metrics: async () => this.#metrics.render(await this.#statusJson()),
    })
    await this.#ledger.resume()
    await this.#response.start()
    await this.#verdicts.resume()
    this.#keepTime()
    this.#watchPolicies()
    this.#descriptions.watch((apis) => this.#watch?.setDescribed(apis))
    this.done = this.#run(
      missesWhatPasses(config) ? gapSeconds : 0,
      await this.#inventory.load(),
      await this.#learning.places(),
    )
    // Whoever waits for `done` hears of it; whoever closes first need not.
    const over = this.done.catch(() => undefined)
    closers.add('watch', () => {
      this.#end.abort()
      return over
    })
    logger.info({ folder, api: this.address, store: this.#store === null ? 'none' : 'on' }, 'control is up')
  }

  reloadPolicies(): void {
    try {
      this.#reload()
      this.#request.logger.info({ policies: this.#policies.current.policies.length }, 'policies loaded anew')
    } catch (error) {
      this.#request.logger.error(reloadFailure(error))
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#closers.close()
    return this.#closing
  }

  async #run(gapSeconds: number, inventory: string | null, learning: readonly string[]): Promise<ReplaySummary> {
    const { config, key, logger, learnFrom, shiftFilesUs, publish, onLearned, onReady, stop } = this.#request
    const store = this.#store
    this.#watch = watch({
      config,
      key,
      logger,
      policies: this.#policies.current.documents,
      payloadRules: this.#policies.current.payloadRules,
      described: this.#descriptions.current,
      held: this.#ledger.held(),
      deploys: this.#deploys.all(),
      verdicts: this.#verdicts.newest(),
      gapSeconds,
      inventory,
      onInventory: (part) => this.#inventory.take(part),
      learning,
      onLearning: (chunk) => this.#learning.take(chunk),
      merged: existsSync(mergedPath(config.state.folder)) ? mergedPath(config.state.folder) : null,
      sharing: this.#peers?.sharing ?? null,
      onTold: (part) => this.#peers?.told(part),
      ...(this.#kafka === null ? {} : { kafka: this.#kafka }),
      ...(learnFrom === undefined ? {} : { learnFrom }),
      ...(shiftFilesUs === undefined ? {} : { shiftFilesUs }),
      ...(publish === undefined ? {} : { publish }),
      ...(onLearned === undefined ? {} : { onLearned }),
      onReady: () => {
        this.#ready = true
        onReady()
      },
      onIncident: (change) => this.#take(change),
      // What grew since it was last worth a word.
      onHeld: (held) => {
        for (const each of held) this.#take({ kind: 'updated', ...each })
      },
      ...(store === null ? {} : { seal: (batch) => store.seal(batch) }),
      onStatus: (status) => {
        this.#status.heard(status)
        this.#peers?.partitions(status.kafka.reduce((sum, { partitions }) => sum + partitions, 0))
      },
      stop: AbortSignal.any([stop, this.#end.signal]),
    })
    this.#peers?.start()
    const summary = await this.#watch.done
    this.#ready = false
    await Promise.all(this.#under)
    this.#cleanEnd = true
    return summary
  }

  #take(change: IncidentChange): void {
    const taken = this.#ledger
      .take(change)
      .then(() => this.#consider(change))
      .catch((error: unknown) =>
        this.#request.logger.error({ incident: change.incident.id, error: String(error) }, 'an incident was not kept'),
      )
      .finally(() => this.#under.delete(taken))
    this.#under.add(taken)
  }

  /** The ledger's state of it, which says what was done. */
  async #consider({ kind, incident, keys }: IncidentChange): Promise<void> {
    const entry = this.#ledger.get(incident.id)
    if (entry !== undefined) await this.#response.consider({ kind, incident: entry.incident, keys })
  }

  /** What was done about it ends, and its policy is asked how it stands with its budget. */
  async #judged(verdict: Verdict): Promise<void> {
    const stored = this.#rows?.verdict(verdict)
    const entry = this.#ledger.get(verdict.incidentId)
    const kind = entry?.incident.closedAt === null ? 'updated' : 'closed'
    if (entry !== undefined) await this.#consider({ kind, incident: entry.incident, keys: entry.keys })
    await this.#budget.review()
    await stored
  }

  #autoCloseUs(policy: string): EventTime {
    const rule = this.#policies.current.rules.find((each) => each.policy === policy)
    return rule?.autoCloseUs ?? AUTO_CLOSE_US
  }

  /** A state of an incident is durable: store it, tell it. */
  async #tell(change: LedgerChange): Promise<void> {
    const latency = Date.now() / 1000 - change.incident.openedAt / 1_000_000
    if (change.kind === 'opened' && latency < MAX_LATENCY_SECONDS) this.#metrics.detected(latency)
    const quiet = this.#policies.current.policies.find(({ id }) => id === change.incident.policy)?.mode === 'observe'
    const stored = this.#rows?.incident(change)
    if (!quiet) await this.#outbox.publish(incidentEvent(change, this.#context))
    this.#request.onIncident(change)
    await stored
  }

  #acted(action: Action, incident: Incident | null): void {
    const told = this.#tellAction(action, incident)
      .catch((error: unknown) =>
        this.#request.logger.error({ action: action.id, error: String(error) }, 'a change of an action was not told'),
      )
      .finally(() => this.#under.delete(told))
    this.#under.add(told)
  }

  async #tellAction(action: Action, incident: Incident | null): Promise<void> {
    const step = action.history.at(-1)
    const stored = this.#rows?.action(action)
    if (!UNDER_WAY.has(action.state)) {
      await this.#outbox.publish(actionEvent('result', action, incident, this.#context))
    }
    const why = `${action.step} ${action.state}${action.simulated ? ' (simulated)' : ''}: ${step?.why ?? ''}`
    await this.#ledger.acted(action.incidentId, (step?.atMs ?? Date.now()) * 1000, why)
    await stored
  }

  #newPeers(sharing: Sharing, store: StoreProcess): PeerDesk {
    const { config, key, logger } = this.#request
    const desk = new PeerDesk({
      sharing,
      keyId: key.id,
      store,
      everySeconds: config.state.snapshot_seconds,
      logger,
      hear: (parts, leftOut) => this.#watch?.hear(parts, leftOut),
    })
    this.#closers.add('peers', () => desk.close())
    return desk
  }

  #newResponse(connectors: ReadonlyMap<string, Connector>): Response {
    const { config, logger } = this.#request
    const store = this.#store
    return new Response({
      actions: this.#actions,
      connectors,
      policies: () => this.#budget.applied(this.#policies.current.policies),
      guards: { never: this.#never(), maxActive: config.response.max_active },
      ...(store === null ? {} : { blast: blastRadius(store) }),
      onChange: (action, incident) => this.#acted(action, incident),
      nowMs: Date.now,
      random: Math.random,
      logger,
    })
  }

  #keepTime(): void {
    let ticking = false
    const timer = setInterval(() => {
      if (ticking) return
      ticking = true
      void this.#response.tick(Date.now()).finally(() => {
        ticking = false
      })
    }, TICK_MS)
    this.#closers.add('clock', () => clearInterval(timer))
  }

  #watchPolicies(): void {
    const { logger } = this.#request
    const watcher = this.#policies.watch(
      () => this.reloadPolicies(),
      (message) => logger.warn(message),
    )
    this.#closers.add('policies', () => watcher.close())
  }

  /** @throws OffpathError when they are wrong; then the old ones stay. */
  #reload(): void {
    const { documents, payloadRules } = this.#policies.reload(Date.now())
    this.#watch?.setPolicies(documents, payloadRules)
    this.#reviewBudget(documents)
    this.#warnOfActions()
    void this.#response.protect(this.#never())
  }

  #reviewBudget(documents: readonly PolicyDocument[]): void {
    this.#budget
      .review(documents)
      .catch((error: unknown) =>
        this.#request.logger.error({ error: String(error) }, 'what became of a policy could not be saved'),
      )
  }

  /** A step that nothing carries out is refused when its time comes; whoever wrote it should hear of it now. */
  #warnOfActions(): void {
    const known = ['webhook', ...Object.keys(this.#request.config.response.connectors)]
    for (const { id, respond } of this.#policies.current.policies) {
      for (const { id: step, action } of respond) {
        if (known.includes(action)) continue
        this.#request.logger.warn(
          `policy ${id}, step ${step}: there is no connector ${action}; there are ${known.join(', ')}`,
        )
      }
    }
  }

  /** The configuration's list, and the proxies: an action on one of them would hit everybody behind it. */
  #never(): string[] {
    const { response, identity } = this.#request.config
    return [...response.never, ...identity.trusted_hops.map((hop) => (hop.includes('/') ? `cidr:${hop}` : `ip:${hop}`))]
  }

  async #statusJson(): Promise<StatusJson> {
    const { config, version } = this.#request
    const { live, awaitingApproval, simulated } = this.#response.counts()
    const { current, loadedAtMs, lastError } = this.#policies
    return this.#status.json({
      version,
      watch: this.#watch,
      detectors: Object.keys(config.detectors),
      incidents: this.#ledger.newest().map(({ incident }) => incident),
      actions: { live, awaiting_approval: awaitingApproval, simulated },
      policies: {
        count: current.policies.length,
        loaded_at: new Date(loadedAtMs).toISOString(),
        error: lastError,
        ...this.#budgetJson(),
      },
      store: (await this.#store?.status()) ?? null,
      webhooks: this.#outbox.status(),
      storePid: this.#store?.pid ?? null,
    })
  }

  #budgetJson(): Pick<StatusJson['policies'], 'demoted' | 'verdicts'> {
    const demoted = this.#budget.demoted().map(({ policy, demotion }) => ({
      policy,
      at: new Date(demotion!.atMs).toISOString(),
      why: demotion!.why,
    }))
    return { demoted, verdicts: this.#budget.counts() }
  }

  #health(): Health {
    const reasons: string[] = []
    if (!this.#ready) reasons.push('the sources are not all captured yet, or have ended')
    for (const { kind, name, state } of this.#watch?.sources() ?? []) {
      if (state === 'down') reasons.push(`source ${kind}:${name} is down`)
    }
    const publisher = this.#status.publisher
    if (publisher?.state === 'down') reasons.push(`nothing can be published to ${publisher.topic}`)
    return { live: true, ready: reasons.length === 0, reasons }
  }
}
