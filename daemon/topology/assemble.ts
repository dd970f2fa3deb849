import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { readsPayloads } from '../../analyzers/detector-ids.ts'
import type { PublishedRecord } from '../../sinks/kafka/publish-buffer.ts'
import type { AsnSource } from '../callers/profiles.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import { ENDPOINT_DEFAULTS, EndpointMapper } from '../endpoints/mapper.ts'
import { NativeReader } from '../identity/native-reader.ts'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import { RESOLVER_DEFAULTS, Resolver } from '../identity/resolver.ts'
import type { DescribedApi } from '../inventory/described-api.ts'
import type { DeployMark } from '../model/deploy.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { HeldIncident, Incident } from '../model/incident.ts'
import type { LearningPart } from '../model/learning.ts'
import type { EventTime } from '../model/time.ts'
import type { Verdict } from '../model/verdict.ts'
import { NO_RULES, type PayloadRule } from '../payload/rules/rule.ts'
import type { PolicyDocument } from '../policies/policy-file.ts'
import { captureQuality } from '../telemetry/capture-quality.ts'
import { Counters, type Telemetry } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import type { Occupancies } from '../telemetry/occupancy.ts'
import { type SensorReading, SensorWindows } from '../telemetry/sensor-windows.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import { type AnalysisListeners, AnalysisStage, type Detection } from './analysis-stage.ts'
import { Chain } from './chain.ts'
import { flowWorkers, httpLimits, reassemblyLimits } from './flow-limits.ts'
import { canStartFlowThreads, type StartFlowThread, startFlowThread } from './flow-thread.ts'
import type { Analysis, Flows } from './flows.ts'
import { FusedFlows } from './fused-flows.ts'
import { readKeySource } from './key-sets.ts'
import type { FlowStageOptions } from './options.ts'
import type { ReplaySummary } from './replay.ts'
import { SensorStage } from './sensor-stage.ts'
import { ShardedFlows } from './sharded-flows.ts'

/** Closed incidents kept for the final list; each was reported when it closed. */
const MAX_ENDED = 100_000

export interface AssemblyRequest {
  readonly config: ValidatedConfig
  readonly key: PrivacyKey
  readonly bodies: boolean
  /** Whether payloads are looked for, as long as a detector of them is on; default: they are. */
  readonly payloads?: boolean
  /** Makes detectors and incidents (detection.ts); null: only transactions. Whoever asks for none need not load them. */
  readonly detect: BuildDetection | null
  readonly listeners: AnalysisListeners
  /** How signals become incidents; default: the shipped policies. */
  readonly policies?: readonly PolicyDocument[]
  /** Rules of payloads, beside those that ship. Their compiler is loaded. */
  readonly payloadRules?: readonly PayloadRule[]
  /** Whose network an address is in; default: nobody says. */
  readonly asns?: AsnSource | null
  /** What is written about the API; default: nothing. */
  readonly described?: readonly DescribedApi[]
  /** Something an operator should know, as a sentence; said once each. */
  readonly warn?: (message: string) => void
  /** A sensor: records go here instead of to an analysis. */
  readonly publish?: (record: PublishedRecord) => void
  /** How flow workers are started; default: as threads, where the program is built. */
  readonly startFlowThread?: StartFlowThread
  /** A detector threw and was switched off: a bug, to be told loudly. */
  readonly detectorFailed: DetectorFailed
}

export type BuildDetection = (request: AssemblyRequest, telemetry: Telemetry) => BuiltDetection

export interface BuiltDetection {
  readonly detection: Detection
  /** Policies were loaded anew. */
  setPolicies(policies: readonly PolicyDocument[]): void
}

export type DetectorFailed = (detector: string, error: unknown) => void

/** One chain, built from a configuration, with what it counts. */
export interface Assembly {
  readonly chain: Chain
  readonly telemetry: Telemetry
  /** Where whoever reads files counts, so that it comes to `telemetry` in the order of the input. */
  readonly intake: Telemetry
  /** What the sources bring and lose, moved on by the ticks of the chain. */
  readonly sensor: SensorWindows
  readonly options: FlowStageOptions
  readonly detection: Detection | null
  /** All that is learnt; empty of a sensor. */
  readonly learning: readonly LearningPart[]
  /** Incidents of an earlier run go on. `learntUntil`: what was learnt was put back, and knows of what was opened before. */
  resume(held: readonly HeldIncident[], learntUntil: EventTime | null): void
  /** A service was released: it counts from its event time on. */
  deploy(mark: DeployMark): void
  /** A person has said what an incident is: it counts from its event time on. */
  verdict(verdict: Verdict): void
  /** End of input: every incident of the run in its final state, ordered by openedAt; those still open stay open. */
  finish(): readonly Incident[]
  /** How full the bounded tables of the analysis are. */
  tables(): Occupancies
  /** Policies were loaded anew. */
  setPolicies(policies: readonly PolicyDocument[]): void
  /** Rules of payloads were loaded anew. Their compiler is loaded. */
  setPayloadRules(rules: readonly PayloadRule[]): void
  summary(incidents: readonly Incident[]): ReplaySummary
}

export function assemble(request: AssemblyRequest): Assembly {
  const telemetry = newTelemetry()
  const sensor = new SensorWindows()
  const sense = (now: EventTime) => sensor.take(telemetry.funnel.bySource(), now)
  const options = flowOptions(request)
  const built = request.detect?.(request, telemetry) ?? null
  const detection = built?.detection ?? null
  const ended = new Map<string, Incident>()
  const listeners: AnalysisListeners = {
    ...request.listeners,
    incident: (change) => {
      // Reopened under its old id, it is one of the open ones again.
      if (change.kind === 'opened') ended.delete(change.incident.id)
      else if (change.kind === 'closed') {
        if (ended.size < MAX_ENDED) ended.set(change.incident.id, change.incident)
        else telemetry.counters.add('incidents.not_listed')
      }
      request.listeners.incident?.(change)
    },
  }
  const analysis = analysisOf(request, telemetry, detection, listeners, sense)
  const { flows, intake } = flowsOf(request, options, telemetry, analysis)
  return {
    chain: new Chain(flows, intake),
    telemetry,
    intake,
    sensor,
    options,
    detection,
    get learning() {
      return analysis instanceof AnalysisStage ? analysis.learning : []
    },
    resume: (held, learntUntil) => {
      if (analysis instanceof AnalysisStage) analysis.resume(held, learntUntil)
    },
    deploy: (mark) => {
      if (analysis instanceof AnalysisStage) analysis.deploy(mark)
    },
    verdict: (verdict) => {
      if (analysis instanceof AnalysisStage) analysis.verdict(verdict)
    },
    tables: () => analysis.sizes(),
    setPolicies: (policies) => built?.setPolicies(policies),
    setPayloadRules: (rules) => {
      options.payloadRules.rules = rules
      flows.payloadRulesChanged()
    },
    finish: () => [...ended.values(), ...(detection?.incidents.open() ?? [])].sort(byOpening),
    summary: (incidents) => ({
      ...telemetry.funnel.totals(),
      quality: captureQuality(sensor.reading),
      incidents,
      weirds: telemetry.weirds.entries(),
      counters: telemetry.counters.entries(),
    }),
  }
}

function newTelemetry(): Telemetry {
  return { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
}

/** On this thread, or on as many as are asked for. */
function flowsOf(
  { config, startFlowThread: start }: AssemblyRequest,
  options: FlowStageOptions,
  telemetry: Telemetry,
  analysis: Analysis,
): { readonly flows: Flows; readonly intake: Telemetry } {
  const workers = flowWorkers(config.limits.workers, availableParallelism())
  if (workers === 0 || (start === undefined && !canStartFlowThreads())) {
    return { flows: new FusedFlows(options, telemetry, analysis), intake: telemetry }
  }
  const intake = newTelemetry()
  const flows = new ShardedFlows({
    flow: options,
    workers,
    telemetry,
    intake,
    analysis,
    start: start ?? startFlowThread,
  })
  return { flows, intake }
}

function analysisOf(
  { publish, config }: AssemblyRequest,
  telemetry: Telemetry,
  detection: Detection | null,
  listeners: AnalysisListeners,
  sense: (now: EventTime) => SensorReading,
): AnalysisStage | SensorStage {
  const resolver = new Resolver(RESOLVER_DEFAULTS, telemetry)
  if (publish !== undefined) return new SensorStage(resolver, telemetry.counters, publish, sense)
  const endpoints = new EndpointMapper({ ...ENDPOINT_DEFAULTS, services: config.endpoints.services }, telemetry)
  return new AnalysisStage(resolver, endpoints, detection, listeners, sense)
}

/** What an operator is told when a detector fails: which, and where, for the report they should file. */
export function switchedOff(detector: string, error: unknown): string {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `${detector} failed and is switched off; the rest goes on. This is a bug, please report it: ${reason}`
}

/** Reads the native records of one input as this chain's own. */
export function nativeReader(assembly: Assembly, source: SourceInfo): NativeReader {
  const { options, intake: telemetry } = assembly
  return new NativeReader({
    key: options.key,
    options: options.identity,
    bodies: options.bodies,
    payloads: options.payloads,
    payloadRules: options.payloadRules,
    telemetry,
    sourceName: source.name,
    ...(source.movedUs === undefined ? {} : { movedUs: source.movedUs }),
  })
}

function byOpening(a: Incident, b: Incident): number {
  return a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1)
}

/** Marks are made where the raw values are, which may be another process than that of the detectors. */
function payloadsWanted(config: ValidatedConfig): boolean {
  return Object.entries(config.detectors).some(([id, { enabled }]) => enabled && readsPayloads(id))
}

function flowOptions(request: AssemblyRequest): FlowStageOptions {
  const { identity } = request.config
  return {
    key: request.key,
    hashKey: randomBytes(32),
    bodies: request.bodies,
    payloads: request.payloads !== false && payloadsWanted(request.config),
    payloadRules: { rules: request.payloadRules ?? NO_RULES },
    identity: {
      trustedHops: identity.trusted_hops,
      cdn: identity.cdn,
      apiKeyHeaders: identity.api_key_headers,
      sessionCookies: identity.session_cookies,
      certificateHeaders: identity.certificate_headers,
      names: identity.names,
      display: identity.display,
      keySets: identity.jwks.map(readKeySource),
    },
    http: httpLimits(request.config),
    reassembly: reassemblyLimits(request.config),
  }
}
