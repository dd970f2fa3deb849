import { createHmac, timingSafeEqual } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import type { LearningPart } from '../model/learning.ts'
import type { EventTime } from '../model/time.ts'
import type { ToldPart } from '../model/told-part.ts'
import type { Counters } from '../telemetry/counters.ts'
import type { PartLines } from './learning-file.ts'
import { SnapshotSender } from './snapshot-sender.ts'
import { hearLines, MAX_TOLD, type SharedPart, sharedOf, toldLines } from './told-lines.ts'

const PAUSE_MS = 2

/** Who tells, and to whom. */
export interface Sharing {
  readonly analyzer: string
  readonly audience: string
}

export interface PeerLearningOptions {
  /** Null: nobody is told, and what is heard is `kept` alone. */
  readonly sharing: Sharing | null
  /** What was told once and for all, in files: heard beside what others tell. */
  readonly kept?: readonly PartLines[]
  readonly key: Pick<PrivacyKey, 'id' | 'bytes'>
  readonly everySeconds: number
  readonly counters: Counters
  /** Of now: what failed is left out. */
  parts(): readonly LearningPart[]
  /** Event time; null before the first record. */
  now(): EventTime | null
  send(told: ToldPart): void
  /** It threw and is switched off: a bug, to be told loudly. */
  failed(error: unknown): void
}

/**
 * The engine's end of what analyzers learn together: tells what was learnt here every so many seconds and at the end, and takes what
 * the others told. What is not of this deployment, is broken or made up is refused, counted by reason, and costs nobody anything.
 */
export class PeerLearning {
  readonly #options: PeerLearningOptions
  readonly #sender: SnapshotSender<ToldPart>
  #hearing: Promise<void> = Promise.resolve()

  constructor(options: PeerLearningOptions) {
    this.#options = options
    this.#sender = new SnapshotSender({
      everyBeats: options.everySeconds,
      parts: () => this.#told(),
      send: (told) => options.send(told),
      pause: () => setTimeout(PAUSE_MS),
      failed: (error) => options.failed(error),
    })
  }

  /** Every second. */
  beat(): void {
    if (this.#options.sharing !== null) this.#sender.beat()
  }

  finish(): void {
    if (this.#options.sharing !== null) this.#sender.finish()
  }

  /** What all others told last: it takes the place of what they told before. Resolves when it counts. */
  hear(told: readonly ToldPart[], leftOut: number): Promise<void> {
    const { counters } = this.#options
    if (leftOut > 0) counters.add('learning.peers_left_out', leftOut)
    this.#hearing = this.#hearing.then(() => this.#hear(told)).catch((error: unknown) => this.#options.failed(error))
    return this.#hearing
  }

  *#told(): Generator<ToldPart> {
    const { sharing, key, counters } = this.#options
    const learntUntil = this.#options.now()
    if (learntUntil === null || sharing === null) return
    for (const { name, shared } of sharedOf(this.#options.parts())) {
      const { text, cut } = toldLines(shared)
      if (cut) counters.add('learning.told_cut')
      const told = { ...sharing, keyId: key.id, part: name, version: shared.version, learntUntil, lines: text }
      yield { ...told, seal: sealOf(told, key.bytes) }
    }
  }

  async #hear(told: readonly ToldPart[]): Promise<void> {
    const { counters } = this.#options
    const parts = sharedOf(this.#options.parts())
    const ofPart = new Map<string, string[]>(parts.map(({ name }) => [name, []]))
    const peers = new Set<string>()
    for (const { name, version, lines } of this.#options.kept ?? []) {
      const part = parts.find((each) => each.name === name)
      if (part?.shared.version === version) ofPart.get(name)!.push(lines)
      else counters.add('learning.peers_refused.version')
    }
    for (const each of told) {
      const refused = this.#refused(each, parts)
      if (refused !== null) {
        counters.add(`learning.peers_refused.${refused}`)
        continue
      }
      ofPart.get(each.part)!.push(each.lines)
      peers.add(each.analyzer)
    }
    for (const part of parts) {
      this.#take(part, ofPart.get(part.name)!)
      await setTimeout(PAUSE_MS)
    }
    counters.add('learning.peers_heard', peers.size)
  }

  /** Why it is not believed; null when it is. */
  #refused(told: ToldPart, parts: readonly SharedPart[]): string | null {
    const { sharing, key } = this.#options
    if (told.keyId !== key.id) return 'key'
    if (told.audience !== sharing?.audience) return 'audience'
    if (told.analyzer === sharing.analyzer) return 'own'
    const part = parts.find(({ name }) => name === told.part)
    if (part === undefined) return 'part'
    if (part.shared.version !== told.version) return 'version'
    if (told.lines.length > MAX_TOLD) return 'size'
    const seal = Buffer.from(told.seal, 'hex')
    const own = Buffer.from(sealOf(told, key.bytes), 'hex')
    return seal.length === own.length && timingSafeEqual(seal, own) ? null : 'seal'
  }

  /** All of them, or without those whose lines are none. */
  #take({ shared }: SharedPart, texts: readonly string[]): void {
    try {
      hearLines(shared, texts)
      return
    } catch {
      // One of them is broken: which?
    }
    const whole: string[] = []
    for (const text of texts) {
      try {
        hearLines(shared, [text])
        whole.push(text)
      } catch {
        this.#options.counters.add('learning.peers_refused.lines')
      }
    }
    hearLines(shared, whole)
  }
}

function sealOf(told: Omit<ToldPart, 'seal'>, key: Buffer): string {
  const { keyId, audience, analyzer, part, version, learntUntil, lines } = told
  const head = JSON.stringify(['offpath learning', keyId, audience, analyzer, part, version, learntUntil])
  return createHmac('sha256', key).update(head).update('\n').update(lines, 'utf8').digest('hex')
}
