import { KafkaPublisher } from '../../sinks/kafka/publisher.ts'
import { keyFrom, type PrivacyKey } from '../identity/privacy-key.ts'
import type { DescribedApi } from '../inventory/described-api.ts'
import { Inventory } from '../inventory/inventory.ts'
import { readSnapshot } from '../inventory/snapshot.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { TopicCover } from '../model/topic-cover.ts'
import { compileRules } from '../payload/rules/compile.ts'
import { useRuleCompiler } from '../payload/rules/compiler.ts'
import { openInput } from '../sources/capture-file.ts'
import { inheritedInput } from '../sources/inherited-input.ts'
import { captureQuality } from '../telemetry/capture-quality.ts'
import { watchedAsns } from './asns.ts'
import { type Assembly, assemble, nativeReader, switchedOff } from './assemble.ts'
import { buildDetection } from './detection.ts'
import { failureOf } from './engine-failure.ts'
import type {
  EngineFile,
  EngineKafka,
  EngineLive,
  EnginePublish,
  FromEngine,
  StartMessage,
  ToEngine,
} from './engine-protocol.ts'
import { drive, endOf, type Input } from './inputs.ts'
import { InventoryFeed } from './inventory-feed.ts'
import { KafkaSession, type KeptCovers } from './kafka-session.ts'
import { mergedLearning, putBackLearning } from './kept-learning.ts'
import { LearningFeed } from './learning-feed.ts'
import { LiveInputs } from './live-inputs.ts'
import { PeerLearning } from './peer-learning.ts'
import { dropPrivileges } from './privileges.ts'
import { RowStage } from './row-stage.ts'
import { shifted } from './shifted-input.ts'

/** For the last rows to be sealed. */
const SEAL_MS = 10_000
const STATUS_EVERY_MS = 1000
/** A clock further ahead of the host's is not gone on with: everything that comes would be late. */
const MAX_AHEAD_US = 60_000_000
/** Event time stays this far behind the host's while every capture is down: what one still brings is not late. */
const CAPTURE_LAG_US = 250_000

/** A verdict this much older than a snapshot may not have been heard when that was made; to hear it twice does no harm. */
const UNHEARD_US = 10_000_000

const hostClock = (): EventTime => Date.now() * 1000

/**
 * The engine process: reads traffic, holds no rights. Control tells it what to read and gets incidents back; everything
 * between is the chain that replay runs. Several live sources interleave on one event clock as their frames arrive.
 */
export class Engine {
  readonly #tell: (message: FromEngine) => void
  /** No more files, no more connections; what a connection still holds is read to its end. */
  readonly #stop = new AbortController()
  readonly #lives: LiveInputs
  readonly #kafka: KafkaSession[] = []
  #assembly: Assembly | null = null
  /** Null while nothing is stored, and while it learns. */
  #rows: RowStage | null = null
  #inventory: InventoryFeed | null = null
  /** What is written about the API. */
  #described: readonly DescribedApi[] = []
  /** Null while nothing is learnt. */
  #learning: LearningFeed | null = null
  /** Null where nobody else reads a part of the same topics. */
  #peers: PeerLearning | null = null
  /** Of a sensor, which analyses nothing. */
  #publisher: KafkaPublisher | null = null

  /** Nothing but live sources is read: event time is the host's. */
  #onlyLive = false

  constructor(tell: (message: FromEngine) => void) {
    this.#tell = tell
    this.#lives = new LiveInputs({ stop: this.#stop.signal, hostClock, warn: (message) => this.#warn(message) })
  }

  async take(message: ToEngine): Promise<void> {
    switch (message.kind) {
      case 'start':
        return await this.#run(message)
      case 'capture_stats':
        this.#countLosses(message)
        return
      case 'source_state': {
        const { source, state, why } = message
        this.#assembly?.sensor.state(source.kind, source.name, state, why)
        return
      }
      case 'policies':
        this.#assembly?.setPolicies(message.policies)
        this.#assembly?.setPayloadRules(message.payloadRules)
        return
      case 'described':
        this.#described = message.apis
        this.#assembly?.detection?.detectors.described(message.apis)
        return
      case 'deploy':
        this.#assembly?.deploy(message.mark)
        return
      case 'verdict':
        this.#assembly?.verdict(message.verdict)
        return
      case 'settled':
        this.#rows?.settled(message.sequence)
        for (const session of this.#kafka) {
          if (message.lost && !this.#stop.signal.aborted) session.lost()
          else session.settled()
        }
        return
      case 'heard':
        await this.#peers?.hear(message.parts, message.leftOut)
        return
      case 'positions_kept':
        await Promise.all(this.#kafka.map((session) => session.kept(message.positions)))
        return
      case 'stop':
        this.#stop.abort()
        return
    }
  }

  async #run(start: StartMessage): Promise<void> {
    let beat: NodeJS.Timeout | undefined
    try {
      // Everything is loaded by now: the checkout may be unreadable for the user we become.
      if (start.dropPrivileges) dropPrivileges()
      useRuleCompiler(compileRules)
      const key = keyOf(start)
      const warn = (message: string) => this.#warn(message)
      const assembly = assemble({
        config: start.config,
        key,
        bodies: true,
        detect: start.publish === null ? buildDetection : null,
        ...(start.publish === null ? {} : { publish: (record) => this.#publisher?.push(record) }),
        policies: start.policies,
        payloadRules: start.payloadRules,
        described: start.described,
        asns: start.publish === null ? await watchedAsns(start.config, warn) : null,
        listeners: {
          transaction: (transaction) => {
            if (!this.#kafka.some((session) => session.isListed(transaction))) this.#inventory?.observe(transaction)
            this.#rows?.transaction(transaction)
            for (const session of this.#kafka) session.emitted(transaction)
          },
          renamed: (service, from, to) => this.#inventory?.rename(service, from, to),
          learnt: (transaction) => this.#kafka.some((session) => session.isLearnt(transaction)),
          signal: (signal) => this.#rows?.signal(signal),
          incident: (change) => {
            this.#rows?.incident(change)
            this.#tell({ kind: 'incident', change })
          },
          tick: (now) => this.#rows?.tick(now),
        },
        warn,
        detectorFailed: (detector, error) => warn(switchedOff(detector, error)),
      })
      this.#assembly = assembly
      this.#described = start.described
      if (start.publish !== null) this.#publisher = this.#publish(start.publish, assembly)
      const listed = await this.#openInventory(assembly, start.inventory)
      const isLive = start.inputs.some(({ kind }) => kind === 'live')
      const latest = isLive ? hostClock() + MAX_AHEAD_US : Number.POSITIVE_INFINITY
      const covers = await putBackLearning(assembly, start.learning, latest, { key, warn })
      assembly.resume(start.held, covers.now)
      // What was learnt up to then knows of those before.
      for (const mark of start.deploys) if (mark.at > (covers.now ?? 0)) assembly.deploy(mark)
      for (const verdict of start.verdicts) {
        if (verdict.at > (covers.now ?? 0) - UNHEARD_US) assembly.verdict(verdict)
      }
      if (start.publish === null) {
        this.#learning = new LearningFeed({
          parts: () => assembly.learning,
          keyId: key.id,
          everySeconds: start.config.state.snapshot_seconds,
          covers: () => ({
            now: Number.isFinite(assembly.chain.now) ? assembly.chain.now : null,
            topics: this.#kafka.flatMap((session) => session.learnt()),
          }),
          send: (chunk) => this.#tell(chunk),
          failed: (error) => warn(switchedOff('the snapshot of learning', error)),
        })
      }
      const kept = start.publish === null ? await mergedLearning(start.merged, { key, warn }) : []
      if (start.sharing !== null || kept.length > 0) {
        this.#peers = new PeerLearning({
          sharing: start.sharing,
          kept,
          key,
          everySeconds: start.config.state.snapshot_seconds,
          counters: assembly.telemetry.counters,
          parts: () => assembly.learning,
          now: () => (Number.isFinite(assembly.chain.now) ? assembly.chain.now : null),
          send: (part) => this.#tell({ kind: 'told', part }),
          failed: (error) => warn(switchedOff('the learning of others', error)),
        })
      }
      if (kept.length > 0) await this.#peers?.hear([], 0)
      if (start.gapSeconds > 0) assembly.telemetry.counters.add('restart.gap_seconds', start.gapSeconds)
      beat = setInterval(() => this.#beat(assembly), STATUS_EVERY_MS)
      if (start.learnFrom !== null) {
        await this.#learn(assembly, start.learnFrom).catch((error) => this.#unlessStopped(error))
      }
      const files = start.inputs.filter((input): input is EngineFile => input.kind === 'file')
      const lives = start.inputs.filter((input): input is EngineLive => input.kind === 'live')
      if (start.rows) {
        this.#rows = new RowStage({
          config: start.config,
          telemetry: assembly.telemetry,
          // A file may have been read before; what is live never was.
          reread: files.length > 0,
          send: (sequence, batch) => {
            const reach = this.#kafka.flatMap((session) => session.reach())
            this.#tell({ kind: 'rows', sequence, batch, reach })
          },
        })
      }
      this.#onlyLive = lives.length === start.inputs.length && lives.length > 0
      const reading = lives.map((live) => this.#lives.read(assembly.chain, live))
      reading.push(...this.#openTopics(assembly, start, files.length > 0, { learnt: covers.topics, listed }))
      this.#tell({ kind: 'listening' })
      if (files.length > 0) await this.#files(assembly, files).catch((error) => this.#unlessStopped(error))
      await Promise.race([Promise.all(reading), assembly.chain.broken])
      await assembly.chain.close()
      this.#inventory?.finish()
      await this.#rows?.finish(assembly.chain.now, SEAL_MS)
      await Promise.all(this.#kafka.map((session) => session.finish()))
      await this.#publisher?.close(SEAL_MS)
      this.#learning?.finish()
      this.#peers?.finish()
      this.#beat(assembly)
      const held = assembly.detection?.incidents.held() ?? []
      this.#tell({ kind: 'done', summary: assembly.summary(assembly.finish()), held })
    } catch (error) {
      this.#tell(failureOf(error))
    } finally {
      clearInterval(beat)
      this.#lives.close()
    }
  }

  /** Every second of host time: rows leave even when few come, and control hears how it goes. */
  #beat(assembly: Assembly): void {
    const { chain, telemetry, detection, sensor } = assembly
    for (const session of this.#kafka) session.tick()
    for (const { name, state, why } of this.#kafka.map((session) => session.status())) {
      sensor.state('kafka', name, state === 'capturing' ? 'reading' : state, why)
    }
    // Nobody else tells the time while no capture lives.
    if (this.#onlyLive && this.#lives.connections === 0) chain.advance(hostClock() - CAPTURE_LAG_US)
    this.#rows?.beat(chain.now)
    for (const session of this.#kafka) session.checkpoint()
    this.#inventory?.beat()
    this.#learning?.beat()
    this.#peers?.beat()
    this.#tell({
      kind: 'status',
      status: {
        now: Number.isFinite(chain.now) ? chain.now : null,
        funnel: telemetry.funnel.totals(),
        weirds: telemetry.weirds.entries(),
        counters: telemetry.counters.entries(),
        detectors: detection?.detectors.states() ?? [],
        quality: captureQuality(sensor.reading),
        learning: detection?.detectors.learning ?? null,
        tables: assembly.tables(),
        kafka: this.#kafka.map((session) => session.status()),
        publisher: this.#publisher?.status() ?? null,
      },
    })
  }

  #publish(settings: EnginePublish, { telemetry }: Assembly): KafkaPublisher {
    const publisher = new KafkaPublisher({
      ...settings,
      counters: telemetry.counters,
      warn: (message) => this.#warn(message),
    })
    publisher.start()
    return publisher
  }

  /** Returns what of topics is in it already. */
  async #openInventory({ telemetry }: Assembly, kept: string | null): Promise<readonly TopicCover[]> {
    const inventory = new Inventory()
    const state = kept === null ? null : await readSnapshot(kept.split('\n'))
    if (state !== null) inventory.restore(state)
    this.#inventory = new InventoryFeed({
      inventory,
      counters: telemetry.counters,
      send: (part) => this.#tell(part),
      rows: () => this.#rows?.inventory ?? null,
      described: () => this.#described,
      covers: () => this.#kafka.flatMap((session) => session.listed()),
      failed: (error) => this.#warn(switchedOff('the inventory', error)),
    })
    return state?.topics ?? []
  }

  async #learn(assembly: Assembly, input: EngineFile): Promise<void> {
    await this.#files(assembly, [input])
    assembly.chain.settle()
    await assembly.chain.drained()
    this.#tell({ kind: 'learned', records: assembly.telemetry.funnel.pairs.in })
  }

  async #files(assembly: Assembly, files: readonly EngineFile[]): Promise<void> {
    const inputs: Input[] = []
    for (const file of files) {
      const stdin = () => inheritedInput(file.descriptor, this.#stop.signal)
      const opened = await openInput('-', { stdin, counters: assembly.intake.counters })
      const info: SourceInfo = { kind: 'file', name: file.name, movedUs: file.shiftUs }
      inputs.push({
        opened: file.shiftUs === 0 ? opened : shifted(opened, file.shiftUs),
        info,
        reader: nativeReader(assembly, info),
      })
    }
    await drive(assembly.chain, inputs, this.#stop.signal, () => this.#publisher?.room() ?? this.#rows?.room())
    for (const { opened } of inputs) {
      for (const message of endOf(opened.source)) this.#warn(message)
    }
  }

  /** What is read from topics. Rows carry ids while they may be stored already. */
  #openTopics(assembly: Assembly, start: StartMessage, reread: boolean, kept: KeptCovers): Promise<void>[] {
    const topics = start.inputs.filter((input): input is EngineKafka => input.kind === 'kafka')
    const doubtChanged = () => {
      this.#rows?.reread(reread || this.#kafka.some((session) => session.inDoubt))
    }
    for (const input of topics) {
      const session = new KafkaSession({
        input,
        assembly,
        hostClock,
        rows: () => this.#rows,
        tell: this.#tell,
        doubtChanged,
      })
      session.resume(kept)
      this.#kafka.push(session)
    }
    return this.#kafka.map((session) => session.run(this.#stop.signal))
  }

  /** An input that was given up before it said what it is has not failed. */
  #unlessStopped(error: unknown): void {
    if (!this.#stop.signal.aborted) throw error
  }

  #warn(message: string): void {
    this.#tell({ kind: 'warning', message })
  }

  #countLosses(stats: Extract<ToEngine, { kind: 'capture_stats' }>): void {
    if (this.#assembly === null) return
    const { funnel, counters } = this.#assembly.intake
    funnel.lostOutside(stats.source, stats.kernelDrops, stats.interfaceDrops)
    if (stats.foreign > 0) counters.add('tunnel.foreign', stats.foreign)
    if (stats.respawns > 0) counters.add('capture.respawned', stats.respawns)
  }
}

function keyOf({ key, config }: StartMessage): PrivacyKey {
  return keyFrom(Buffer.from(key, 'base64'), config.privacy.previous_key_ids)
}
