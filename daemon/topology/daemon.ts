import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { EventContext } from '../../sinks/webhook/events.ts'
import type { Outbox } from '../../sinks/webhook/outbox.ts'
import type { Health } from '../api/app.ts'
import { dataFolder, subFolder } from '../api/data-folder.ts'
import { inventoryPath } from '../api/inventory-file.ts'
import { learningPath, mergedPath } from '../api/learning-path.ts'
import { lockFolder } from '../api/lock.ts'
import { DaemonMetrics } from '../api/metrics.ts'
import type { Operations, StatusJson } from '../api/operations.ts'
import type { ApiServer } from '../api/server.ts'
import type { Action } from '../model/action.ts'
import type { DeployMark } from '../model/deploy.ts'
import type { IncidentChange } from '../model/incident.ts'
import type { BudgetEntry } from '../policies/alarm-budget.ts'
import { Closers } from './closers.ts'
import { ControlRows } from './control-rows.ts'
import { DaemonOperations } from './daemon-operations.ts'
import { openConnectors, openMap, openOutbox, openStoreProcess, serveApi } from './daemon-parts.ts'
import { DaemonStatus } from './daemon-status.ts'
import { DeployLedger } from './deploy-ledger.ts'
import { DescriptionFiles } from './description-files.ts'
import type { KafkaEntry } from './engine-protocol.ts'
import { IncidentDesk } from './incident-desk.ts'
import type { LedgerEntry } from './incident-ledger.ts'
import { KafkaDesk } from './kafka-desk.ts'
import { type Alive, LastRun } from './last-run.ts'
import { PeerDesk, sharingOf } from './peer-desk.ts'
import type { Sharing } from './peer-learning.ts'
import { PolicyDesk } from './policy-desk.ts'
import type { ReplaySummary } from './replay.ts'
import { type RunRequest, type Watch, watch } from './run.ts'
import { SnapshotKeeper } from './snapshot-keeper.ts'
import type { StoreProcess } from './store-process.ts'
import type { KeptVerdict } from './verdict-ledger.ts'

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
  #incidents!: IncidentDesk
  #policies!: PolicyDesk
  #outbox!: Outbox
  #store: StoreProcess | null = null
  #inventory!: SnapshotKeeper
  #learning!: SnapshotKeeper
  #descriptions!: DescriptionFiles
  #kafka: KafkaDesk | null = null
  /** Null where nobody else reads a part of the same topics. */
  #peers: PeerDesk | null = null
  #server: ApiServer | null = null
  #watch: Watch | null = null
  #deploys!: DeployLedger
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
    const context: EventContext = { deployment: key.id, version }
    const folder = await dataFolder(config.state.folder)
    const lock = await lockFolder(folder)
    closers.add('lock', () => lock.release())
    const state = await subFolder(folder, 'state')
    // Opened first, closed last: everything below writes to them until its end.
    const entries = await openMap<LedgerEntry>(parts, join(state, 'incidents'))
    const actions = await openMap<Action>(parts, join(state, 'actions'))
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
      settled: () => this.#incidents.settled(),
    })
    closers.add('learning', () => this.#learning.close())
    this.#descriptions = new DescriptionFiles(config, (message) => logger.warn(message))
    closers.add('descriptions', () => this.#descriptions.close())
    const verdicts = await openMap<KeptVerdict>(parts, join(state, 'verdicts'))
    this.#policies = new PolicyDesk({
      config,
      budgets: await openMap<BudgetEntry>(parts, join(state, 'budgets')),
      verdicts: () => verdicts.values(),
      logger,
      changed: ({ documents, payloadRules }) => {
        this.#watch?.setPolicies(documents, payloadRules)
        void this.#incidents.response.protect(this.#never())
      },
    })
    await this.#policies.start()
    const gapSeconds = await lastRun.begin(logger)
    this.#store = await openStoreProcess(parts, folder)
    const rows = this.#store === null ? null : new ControlRows(this.#store)
    if (rows !== null) closers.add('rows', () => rows.close())
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
    this.#incidents = new IncidentDesk({
      entries,
      verdicts,
      actions,
      policies: this.#policies,
      connectors: await openConnectors(parts, this.#outbox, context),
      guards: { never: this.#never(), maxActive: config.response.max_active },
      outbox: this.#outbox,
      context,
      store: this.#store,
      rows,
      logger,
      eventTime: () => this.#status.eventTime,
      detected: (seconds) => this.#metrics.detected(seconds),
      tellVerdict: (verdict) => this.#watch?.verdict(verdict),
      onIncident: (change) => this.#request.onIncident(change),
    })
    closers.add('response', () => this.#incidents.response.close())
    this.operations = new DaemonOperations({
      ledger: this.#incidents.ledger,
      verdicts: this.#incidents.verdicts,
      response: this.#incidents.response,
      budget: this.#policies.budget,
      policies: this.#policies.store,
      deploys: this.#deploys,
      actions,
      outbox: this.#outbox,
      store: this.#store,
      folder,
      described: () => this.#descriptions.current,
      status: () => this.#statusJson(),
      reload: () => this.#policies.reload(),
    })
    closers.add('metrics', () => this.#metrics.close())
    this.#server = await serveApi(parts, folder, {
      operations: this.operations,
      health: () => this.#health(),
      observe: this.#metrics.answered,
      metrics: async () => this.#metrics.render(await this.#statusJson()),
    })
    await this.#incidents.resume()
    this.#keepTime()
    const watcher = this.#policies.watch()
    closers.add('policies', () => watcher.close())
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
    this.#policies.reloadAndTell()
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
      held: this.#incidents.ledger.held(),
      deploys: this.#deploys.all(),
      verdicts: this.#incidents.verdicts.newest(),
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
      onIncident: (change) => this.#incidents.take(change),
      // What grew since it was last worth a word.
      onHeld: (held) => {
        for (const each of held) this.#incidents.take({ kind: 'updated', ...each })
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
    await this.#incidents.settled()
    this.#cleanEnd = true
    return summary
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

  #keepTime(): void {
    let ticking = false
    const timer = setInterval(() => {
      if (ticking) return
      ticking = true
      void this.#incidents.response.tick(Date.now()).finally(() => {
        ticking = false
      })
    }, TICK_MS)
    this.#closers.add('clock', () => clearInterval(timer))
  }

  /** The configuration's list, and the proxies: an action on one of them would hit everybody behind it. */
  #never(): string[] {
    const { response, identity } = this.#request.config
    return [...response.never, ...identity.trusted_hops.map((hop) => (hop.includes('/') ? `cidr:${hop}` : `ip:${hop}`))]
  }

  async #statusJson(): Promise<StatusJson> {
    const { config, version } = this.#request
    const { live, awaitingApproval, simulated } = this.#incidents.response.counts()
    return this.#status.json({
      version,
      watch: this.#watch,
      detectors: Object.keys(config.detectors),
      incidents: this.#incidents.ledger.newest().map(({ incident }) => incident),
      actions: { live, awaiting_approval: awaitingApproval, simulated },
      policies: this.#policies.json(),
      store: (await this.#store?.status()) ?? null,
      webhooks: this.#outbox.status(),
      storePid: this.#store?.pid ?? null,
    })
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
