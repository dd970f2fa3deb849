import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import pc from 'picocolors'
import { CONFIG_SCHEMA } from '../daemon/config/current-schema.ts'
import { effectiveConfig } from '../daemon/config/effective.ts'
import type { SourceConfig, ValidatedConfig } from '../daemon/config/schema.ts'
import { keyFrom, type PrivacyKey } from '../daemon/identity/privacy-key.ts'
import { Pseudonyms } from '../daemon/identity/pseudonym.ts'
import type { Incident } from '../daemon/model/incident.ts'
import { OffpathError } from '../daemon/telemetry/errors.ts'
import { createLogger } from '../daemon/telemetry/log.ts'
import { type Daemon, startDaemon } from '../daemon/topology/daemon.ts'
import type { ReplaySummary } from '../daemon/topology/replay.ts'
import type { LearnFrom } from '../daemon/topology/run.ts'
import { escapeTerminal } from '../sinks/escape.ts'
import { renderLossTable } from '../sinks/loss-table.ts'
import { type Attack, plantAttacks } from './attacks.ts'
import { showChain } from './chain.ts'
import { SHIPPED_DAY_END_MS, writeDay } from './day.ts'
import { playScene } from './live.ts'
import { WebhookReceiver } from './receiver.ts'
import { type RecordedScene, readRecordedScene } from './recorded-scene.ts'
import { type Renames, ROUTES } from './routes.ts'
import { type RunningApi, SampleApi, serveSampleApi } from './sample-api.ts'
import { clock, type PlantedAttack, renderScorecard, type Scorecard, scorecard, shownSubject } from './scorecard.ts'
import { createWorld, type World } from './world.ts'

/**
 * The demo: learns a day of a sample API, starts that API for real, captures its traffic, attacks it, and compares what was
 * found with what was planted. Detectors run with the defaults that ship; nothing is tuned for the occasion.
 */
export interface DemoOptions {
  readonly seed: number
  readonly output: Writable
  /** Of the program. */
  readonly version: string
  /** Where the sample API listens; 0 takes a free port. */
  readonly port?: number
  /** Path segments of the sample API by what to call them instead: `{ v1: 'api', orders: 'bestellungen' }`. */
  readonly renames?: Renames
  /** Replay the recorded scene even where live capture is possible. */
  readonly recorded?: boolean
  readonly colour?: boolean
  readonly width?: number
  readonly stop?: AbortSignal
}

/** What the shipped day and the shipped scene were made with. */
export const SHIPPED_SEED = '1'
const SCENE_MS = 24_000
/** For the last answers to be captured and read. */
const SETTLE_MS = 1_500

/** Resolves with the exit code: 0 for a clean card. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const demo = new Demo(options)
  try {
    return (await demo.run()).clean ? 0 : 1
  } finally {
    await demo.close()
  }
}

/** The configuration of the demo: the shipped defaults, and what is of this place alone: sources, receiver, folder, no port. */
export function demoConfig(sources: readonly Partial<SourceConfig>[], place: DemoPlace): ValidatedConfig {
  const webhook = [{ name: 'demo', url: place.receiver, secret_env: SECRET_ENV }]
  return effectiveConfig(CONFIG_SCHEMA, null, {
    sources,
    sinks: { webhook },
    server: { listen: null },
    state: { folder: place.folder },
  }).config
}

export interface DemoPlace {
  /** Data folder. */
  readonly folder: string
  /** URL of the receiver of webhooks. */
  readonly receiver: string
}

const SECRET_ENV = 'OFFPATH_DEMO_SECRET'

/** An attack as the card looks for it: with the pseudonyms that this key makes of the attacked account. */
export function plantedAttack(
  world: World,
  key: PrivacyKey,
  attack: Attack,
  at: { readonly firstMs: number; readonly lastMs: number },
): PlantedAttack {
  const { name, title, detectors, endpoint, account } = attack
  const pseudonym = account === null ? null : new Pseudonyms(key).of('account', account)
  return {
    name,
    title,
    detectors,
    subjects: [...attack.attackers, ...(pseudonym === null ? [] : [{ kind: 'user', value: pseudonym }])],
    endpoint,
    service: world.host,
    firstMs: at.firstMs,
    lastMs: at.lastMs,
  }
}

interface Found {
  readonly summary: ReplaySummary
  /** What was stored, told and done, as lines. */
  readonly chain: readonly string[]
  readonly attacks: readonly PlantedAttack[]
  /** Where 0:00 is, as the incidents count time. */
  readonly startedMs: number
}

class Demo {
  readonly #options: DemoOptions
  readonly #paint: ReturnType<typeof pc.createColors>
  readonly #stop = new AbortController()
  readonly #key: PrivacyKey = keyFrom(randomBytes(32))
  readonly #receiver = new WebhookReceiver()
  #folder: string | null = null
  #daemons = 0
  /** A demo that falls back to the recorded scene learns twice, and need not say so. */
  #learned = false

  constructor(options: DemoOptions) {
    this.#options = options
    this.#paint = pc.createColors(options.colour ?? false)
    options.stop?.addEventListener('abort', () => this.#stop.abort(), { once: true })
  }

  async run(): Promise<Scorecard> {
    const found = this.#options.recorded === true ? await this.#recorded() : await this.#liveOrRecorded()
    const { width = 100, colour = false } = this.#options
    this.#say('')
    this.#say(renderLossTable(found.summary, { width, colour }))
    const card = scorecard(found.attacks, found.summary.incidents)
    if (this.#options.stop?.aborted === true) {
      this.#say('stopped before the scene was over: no card')
      return { ...card, clean: false }
    }
    for (const line of found.chain) this.#say(line)
    for (const line of renderScorecard(card, found.startedMs)) this.#say(line)
    this.#say(this.#paint.dim(card.clean ? 'Next: offpath init' : 'The card is not clean.'))
    return card
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#receiver.close()
    if (this.#folder !== null) await rm(this.#folder, { recursive: true, force: true })
  }

  async #liveOrRecorded(): Promise<Found> {
    try {
      return await this.#live()
    } catch (error) {
      if (!(error instanceof OffpathError) || !CANNOT_CAPTURE.has(error.code)) throw error
      this.#say(`  cannot capture here: ${error.message}`)
      if (error.remedy !== undefined) this.#say(`  to see it live: ${error.remedy}`)
      return await this.#recorded()
    }
  }

  async #live(): Promise<Found> {
    const world = createWorld(String(this.#options.seed), this.#options.renames)
    const api = await listen(world, this.#options.port ?? 0)
    try {
      const isShipped = world.seed === SHIPPED_SEED && Object.keys(this.#options.renames ?? {}).length === 0
      const learnFrom = await this.#day(world, isShipped)
      const over = new AbortController()
      const end = (): void => over.abort()
      this.#stop.signal.addEventListener('abort', end, { once: true })
      let startedMs = Date.now()
      let captures: () => void = () => undefined
      const capturing = new Promise<void>((resolve) => {
        captures = resolve
      })
      const daemon = await startDaemon({
        ...this.#ordinary(world, learnFrom, () => startedMs),
        config: demoConfig([{ kind: 'pcap', interface: 'lo', filter: `tcp port ${api.port}` }], await this.#place()),
        onReady: captures,
        stop: over.signal,
      })
      const running = daemon.done
      try {
        // Capture may fail before it is ready, or the engine at any time: then `running` rejects.
        await Promise.race([capturing, running])
        startedMs = Date.now()
        if (!over.signal.aborted) {
          this.#say(`  live on loopback (npm pcap, tcp port ${api.port}): ${SCENE_MS / 1000} s of traffic`)
        }
        const playing = playScene({
          world,
          port: api.port,
          attacks: plantAttacks(world),
          lengthMs: SCENE_MS,
          stop: over.signal,
          onAttack: (attack) => this.#sayAttack(Date.now() - startedMs, attack),
        })
        const endedEarly = (): typeof playing => {
          if (over.signal.aborted) return playing
          throw new Error('capture ended before the scene did')
        }
        const scene = await Promise.race([playing, running.then(endedEarly)])
        if (!over.signal.aborted) await sleep(SETTLE_MS)
        end()
        const summary = await running
        const chain = await this.#chain(daemon)
        this.#say(
          `  ${scene.requests} requests of ${scene.callers} callers and ${plantAttacks(world).length} attacks, ` +
            `${scene.failed} unanswered`,
        )
        return {
          summary,
          chain,
          attacks: scene.attacks.map((attackRun) => plantedAttack(world, this.#key, attackRun.attack, attackRun)),
          startedMs,
        }
      } finally {
        end()
        await running.catch(() => undefined)
        await daemon.close()
      }
    } finally {
      await api.close()
    }
  }

  async #recorded(): Promise<Found> {
    const scene = await readRecordedScene(shipped('scene.json.gz'))
    const world = createWorld(scene.seed)
    const learnFrom = await this.#day(world, scene.seed === SHIPPED_SEED)
    const shiftMs = learnFrom.endsMs - scene.startedMs
    const startedMs = learnFrom.endsMs
    const attacks = plantAttacks(world)
    this.#say(
      `  replaying a shipped packet capture of the same scene (seed ${scene.seed}): ` +
        `${scene.requests} requests of ${scene.callers} callers`,
    )
    const { seed, renames = {} } = this.#options
    if (String(seed) !== scene.seed || Object.keys(renames).length > 0) {
      this.#say('  it has a seed and paths of its own: those asked for need live capture')
    }
    for (const recorded of [...scene.attacks].sort((a, b) => a.firstMs - b.firstMs)) {
      const attack = attacks.find((candidate) => candidate.name === recorded.name)
      if (attack !== undefined) this.#sayAttack(recorded.firstMs - scene.startedMs, attack)
    }
    const daemon = await startDaemon({
      ...this.#ordinary(world, learnFrom, () => startedMs),
      config: demoConfig([{ kind: 'file', path: shipped('scene.pcap.gz') }], await this.#place()),
      shiftFilesUs: shiftMs * 1000,
      onReady: () => undefined,
      stop: this.#stop.signal,
    })
    try {
      return await this.#recordedFound(daemon, scene, world, shiftMs, startedMs)
    } finally {
      await daemon.close()
    }
  }

  async #recordedFound(
    daemon: Daemon,
    scene: RecordedScene,
    world: World,
    shiftMs: number,
    startedMs: number,
  ): Promise<Found> {
    const summary = await daemon.done
    const attacks = plantAttacks(world)
    return {
      summary,
      chain: await this.#chain(daemon),
      attacks: plantedIn(scene, attacks, shiftMs, (attack, at) => plantedAttack(world, this.#key, attack, at)),
      startedMs,
    }
  }

  /** What both ways have in common. */
  #ordinary(world: World, learnFrom: LearnFrom, startedMs: () => number) {
    return {
      key: this.#key,
      environment: { ...process.env, [SECRET_ENV]: this.#receiver.secret },
      version: this.#options.version,
      logger: createLogger('warn', { write: (record) => void process.stderr.write(record) }),
      learnFrom: { path: learnFrom.path, shiftUs: learnFrom.shiftUs },
      onLearned: (records: number) => {
        if (this.#learned) return
        this.#learned = true
        this.#say(
          `  learned ${records} requests: ${Object.keys(ROUTES).length} routes, ${world.callers.length} callers ` +
            `behind ${world.addresses.length} addresses`,
        )
      },
      onIncident: ({ kind, incident }: { readonly kind: string; readonly incident: Incident }) => {
        if (kind === 'opened') this.#sayIncident(incident, startedMs())
      },
    }
  }

  /** A data folder and a receiver; a demo that falls back to the recorded scene has two. */
  async #place(): Promise<DemoPlace> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'offpath-demo-'))
    const receiver = await this.#receiver.listen()
    return { folder: join(this.#folder, `data-${++this.#daemons}`), receiver }
  }

  async #chain(daemon: Daemon): Promise<string[]> {
    return this.#stop.signal.aborted ? [] : await showChain(daemon.operations, this.#receiver)
  }

  /** The shipped day where it fits, else one made now for this world. Moved so that it ends now. */
  async #day(world: World, isShipped: boolean): Promise<LearnFrom & { readonly endsMs: number }> {
    if (isShipped) {
      if (!this.#learned) this.#say('learning from a shipped one-day capture of the sample API ...')
      const endsMs = Date.now()
      return { path: shipped('day.jsonl.gz'), shiftUs: (endsMs - SHIPPED_DAY_END_MS) * 1000, endsMs }
    }
    this.#say('making a day of the sample API for this seed and these paths, and learning from it ...')
    this.#folder ??= await mkdtemp(join(tmpdir(), 'offpath-demo-'))
    const path = join(this.#folder, 'day.jsonl.gz')
    const endsMs = Date.now()
    await writeDay(path, { world, endMs: endsMs, port: this.#options.port ?? 8080 })
    return { path, shiftUs: 0, endsMs }
  }

  #sayAttack(atMs: number, attack: Attack): void {
    this.#say(this.#paint.dim(`  ${clock(atMs)} planted  ${attack.title}`))
  }

  #sayIncident(incident: Incident, startedMs: number): void {
    const { severity, detector, endpoints, why } = incident
    const paint = severity === 'critical' || severity === 'high' ? this.#paint.red : this.#paint.yellow
    const where = endpoints.length === 1 ? endpoints[0]! : (incident.service ?? '')
    this.#say(
      `  ${clock(incident.openedAt / 1000 - startedMs)} ${paint(severity.toUpperCase().padEnd(8))} ${detector}  ` +
        `${shownSubject(incident)}  ${escapeTerminal(where)}  ${escapeTerminal(why)}`,
    )
  }

  #say(line: string): void {
    this.#options.output.write(`${line}\n`)
  }
}

async function listen(world: World, port: number): Promise<RunningApi> {
  try {
    return await serveSampleApi(new SampleApi(world), port)
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new OffpathError('OFFPATH_E_USAGE', `the sample API cannot listen on 127.0.0.1:${port} (${reason})`, {
      at: '--port',
      remedy: 'Choose another port, or 0 for any free one.',
      cause,
    })
  }
}

const CANNOT_CAPTURE: ReadonlySet<string> = new Set([
  'OFFPATH_E_PCAP_MISSING',
  'OFFPATH_E_NO_PRIVILEGE',
  'OFFPATH_E_NO_INTERFACE',
])

function plantedIn(
  scene: RecordedScene,
  attacks: readonly Attack[],
  shiftMs: number,
  planted: (attack: Attack, at: { firstMs: number; lastMs: number }) => PlantedAttack,
): PlantedAttack[] {
  return scene.attacks.map((recorded) => {
    const attack = attacks.find((candidate) => candidate.name === recorded.name)
    if (attack === undefined) throw new Error(`the recorded scene has an attack of its own: ${recorded.name}`)
    return planted(attack, { firstMs: recorded.firstMs + shiftMs, lastMs: recorded.lastMs + shiftMs })
  })
}

/** Beside the bundle in dist/demo, beside this file in a checkout. */
function shipped(name: string): string {
  const beside = [join(import.meta.dirname, 'demo', name), join(import.meta.dirname, name)]
  return beside.find((path) => existsSync(path)) ?? beside[0]!
}
