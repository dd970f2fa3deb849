import type { Logger } from 'pino'
import type { SourceConfig } from '../config/schema.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { OffpathError } from '../telemetry/errors.ts'
import { CaptureSupervisor, type SourceState } from './capture-supervisor.ts'
import type { EngineInput, ToEngine } from './engine-protocol.ts'
import { sourceName } from './source-name.ts'

export interface CapturesOptions {
  readonly sources: readonly SourceConfig[]
  readonly logger: Logger
  readonly stop: AbortSignal
  tell(message: ToEngine): void
}

type LiveSource = Extract<SourceConfig, { kind: 'pcap' | 'exec' | 'udp-tunnel' }>

/** Whether a capture child brings what this source sees. */
export function isLive(source: SourceConfig): source is LiveSource {
  return source.kind !== 'file' && source.kind !== 'kafka'
}

/** The capture children of control, one for each live source. */
export class Captures {
  readonly #options: CapturesOptions
  /** By index of the source. */
  readonly #supervisors = new Map<number, CaptureSupervisor>()
  /** Exec sources whose command finished its work. */
  #ended = 0

  constructor(options: CapturesOptions) {
    this.#options = options
  }

  /**
   * Starts them one after the other. `inputs`: what the engine listens to, by index of the source. Resolves to false when the stop came first,
   * otherwise when every source captures, or is missing and waited for; rejects when one cannot start.
   */
  async start(inputs: readonly EngineInput[]): Promise<boolean> {
    const { sources, logger, stop, tell } = this.#options
    const absent: OffpathError[] = []
    for (const [index, source] of sources.entries()) {
      if (stop.aborted) return false
      const input = inputs[index]!
      if (input.kind !== 'live' || !isLive(source)) continue
      const info: SourceInfo = { kind: source.kind, name: sourceName(source) }
      const supervisor = new CaptureSupervisor({
        capture: source,
        socketPath: input.socketPath,
        logger,
        onStats: ({ kernelDrops, interfaceDrops, foreign, respawns }) =>
          tell({ kind: 'capture_stats', source: info, kernelDrops, interfaceDrops, foreign, respawns }),
        onState: (state, why) =>
          tell({ kind: 'source_state', source: info, state: state === 'capturing' ? 'reading' : state, why }),
        onEnd: () => this.#onEnd(),
      })
      this.#supervisors.set(index, supervisor)
      const missing = await supervisor.start()
      if (missing !== null) absent.push(missing)
    }
    if (absent.length > 0 && absent.length === sources.length) {
      logger.error(
        { code: absent[0]!.code },
        `nothing is watched: no source is there yet; each is tried again until it is. ${absent[0]!.remedy ?? ''}`.trim(),
      )
    }
    return true
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#supervisors.values()].map((supervisor) => supervisor.stop()))
  }

  /** How the source of this index stands, and why. */
  standing(index: number): { readonly state: SourceState; readonly why: string | null } {
    const { state, why } = this.#supervisors.get(index) ?? { state: 'starting', why: null }
    return { state, why }
  }

  processes(): { name: string; pid: number | null }[] {
    return [...this.#supervisors.values()].map(({ name, pid }) => ({ name: `capture ${name}`, pid }))
  }

  /** When every command has finished its work nothing more can come; a topic never ends. */
  #onEnd(): void {
    const { sources, tell } = this.#options
    this.#ended++
    if (this.#ended === sources.filter(isLive).length && !sources.some(({ kind }) => kind === 'kafka')) {
      tell({ kind: 'stop' })
    }
  }
}
