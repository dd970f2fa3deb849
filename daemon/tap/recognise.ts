import { OffpathError } from '../telemetry/errors.ts'
import type { Preset } from './mapping.ts'
import { compilePath, type Getter } from './path.ts'
import type { TapRecord } from './record.ts'
import { compileSteps } from './steps.ts'

/** How well a format fits, 0 to 1: the mean over the records that any format knows. */
export interface Score {
  readonly name: string
  readonly score: number
}

export interface Choice {
  readonly preset: Preset
  /** 0..1: how well it fits. */
  readonly confidence: number
  /** Best first. */
  readonly scores: readonly Score[]
}

const LEAST = 0.5
/** How much better than the next it has to be. */
const MARGIN = 0.05

/** Scores formats by the members that records have: all of some, the more of others the surer, none of a third kind. */
export class Recogniser {
  readonly #formats: readonly Format[]

  constructor(presets: readonly Preset[]) {
    this.#formats = presets
      .filter(({ recognise }) => recognise.all.length + recognise.one.length > 0)
      .map((preset) => new Format(preset))
  }

  /** Over the records that any format knows: broken lines between them say nothing. */
  scores(records: readonly TapRecord[]): Score[] {
    const sums = this.#formats.map(() => 0)
    let known = 0
    for (const record of records) {
      let best = 0
      for (const [index, format] of this.#formats.entries()) {
        const score = format.score(record)
        sums[index]! += score
        best = Math.max(best, score)
      }
      if (best > 0) known++
    }
    return this.#formats
      .map(({ preset }, index) => ({ name: preset.name, score: known === 0 ? 0 : sums[index]! / known }))
      .sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1))
  }

  /** Throws OFFPATH_E_FORMAT, with the best guesses, when none fits or two do. */
  choose(records: readonly TapRecord[], where: string): Choice {
    const scores = this.scores(records)
    const [best, next] = scores
    if (best !== undefined && best.score >= LEAST && best.score - (next?.score ?? 0) >= MARGIN) {
      const { preset } = this.#formats.find((format) => format.preset.name === best.name)!
      return { preset, confidence: best.score, scores }
    }
    const guesses = scores.filter(({ score }) => score > 0).slice(0, 3)
    const said =
      guesses.length === 0
        ? 'none of the known formats'
        : `no format for sure; nearest: ${guesses.map(({ name, score }) => `${name} ${percent(score)}`).join(', ')}`
    throw new OffpathError('OFFPATH_E_FORMAT', `the records are ${said}`, {
      at: where,
      remedy: 'Name it with --format (offpath tap presets lists them), or write a mapping: docs/formats.md.',
    })
  }
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

class Format {
  readonly preset: Preset
  readonly #all: readonly Getter[]
  readonly #one: readonly Getter[]
  readonly #any: readonly Getter[]
  readonly #none: readonly Getter[]
  readonly #open: (record: TapRecord) => unknown

  constructor(preset: Preset) {
    this.preset = preset
    this.#all = preset.recognise.all.map(compilePath)
    this.#one = preset.recognise.one.map(compilePath)
    this.#any = preset.recognise.any.map(compilePath)
    this.#none = preset.recognise.none.map(compilePath)
    const { unpack, nest } = compileSteps(preset.decode)
    const lists = preset.explode.map(compilePath)
    this.#open = (tap) => {
      const unpacked = unpack(tap.value)
      if (typeof unpacked === 'string') return undefined
      let record = unpacked.record
      if (Array.isArray(record)) record = (record as unknown[])[0]
      // One list deep: the wrapper of CloudWatch. What HAR and OTLP are known by stands above their lists.
      const list = lists.length > 0 && nest !== null ? lists.map((each) => each(record)).find(Array.isArray) : undefined
      if (list !== undefined) record = (list as unknown[])[0]
      return nest === null ? record : nest(record)
    }
  }

  score(tap: TapRecord): number {
    const record = this.#open(tap)
    return record === undefined ? 0 : this.#score(record)
  }

  #score(record: unknown): number {
    for (const path of this.#all) if (path(record) === undefined) return 0
    if (this.#one.length > 0 && !this.#one.some((path) => path(record) !== undefined)) return 0
    for (const path of this.#none) if (path(record) !== undefined) return 0
    if (this.#any.length === 0) return 1
    let found = 0
    for (const path of this.#any) if (path(record) !== undefined) found++
    return 0.5 + 0.5 * Math.min(1, found / Math.max(1, Math.ceil(this.#any.length / 2)))
  }
}
