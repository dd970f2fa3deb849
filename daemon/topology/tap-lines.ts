import type { PrivacyKey } from '../identity/privacy-key.ts'
import type { SourceInfo } from '../model/frame.ts'
import { type LineReader, type LineSink, NATIVE_LINES } from '../sources/native-file.ts'
import { createTapMapper, type TapMapper } from '../tap/mapper.ts'
import type { Preset } from '../tap/mapping.ts'
import { findPreset, shippedPresets } from '../tap/presets.ts'
import { type Choice, percent, Recogniser } from '../tap/recognise.ts'
import type { TapRecord } from '../tap/record.ts'
import type { Telemetry } from '../telemetry/counters.ts'

export interface TapLinesSettings {
  /** A preset's name, the path of a mapping file, or `auto`. */
  readonly format: string
  readonly key: PrivacyKey
  readonly bodies: boolean
  readonly telemetry: Telemetry
  /** Which format was found, for the operator. Not called for native records. */
  readonly chosen: (source: string, choice: Choice) => void
}

const SAMPLE_LINES = 200
const SAMPLE_CHARACTERS = 16 * 1024 * 1024

type Bad = (reason: string, count?: number) => void

/** Lines of one text input of replay, in whatever format they are: by name, or by what the first of them look like. */
export class TapLines implements LineReader {
  readonly #settings: TapLinesSettings
  readonly #info: SourceInfo
  readonly #whole: boolean
  #reader: LineReader | null = null
  #sample: { readonly text: string; readonly line: number }[] = []
  #characters = 0

  /** `whole`: the input is one JSON text, as HAR is. */
  constructor(settings: TapLinesSettings, name: string, whole: boolean) {
    this.#settings = settings
    this.#info = { kind: 'file', name }
    this.#whole = whole
    if (settings.format !== 'auto') this.#reader = this.#readerOf(findPreset(settings.format))
  }

  read(text: string, line: number, emit: LineSink, bad: Bad): void {
    if (this.#reader !== null) {
      this.#reader.read(text, line, emit, bad)
      return
    }
    this.#sample.push({ text, line })
    this.#characters += text.length
    if (this.#sample.length >= SAMPLE_LINES || this.#characters >= SAMPLE_CHARACTERS) this.#choose(emit, bad)
  }

  end(emit: LineSink, bad: Bad): void {
    if (this.#reader === null && this.#sample.length > 0) this.#choose(emit, bad)
    this.#reader?.end(emit, bad)
  }

  #choose(emit: LineSink, bad: Bad): void {
    const sample = this.#sample
    this.#sample = []
    const records = sample.map(({ text, line }) => recordOf(text, line, this.#whole))
    const choice = new Recogniser(shippedPresets()).choose(records, this.#info.name)
    const reader = this.#readerOf(choice.preset)
    this.#reader = reader
    if (reader !== NATIVE_LINES) this.#settings.chosen(this.#info.name, choice)
    for (const { text, line } of sample) reader.read(text, line, emit, bad)
  }

  #readerOf(preset: Preset): LineReader {
    if (preset.name === 'native') return NATIVE_LINES
    const { key, bodies, telemetry } = this.#settings
    const mapper = createTapMapper({ format: preset, key, bodies, telemetry, source: this.#info })
    return mapped(mapper, this.#whole)
  }
}

function mapped(mapper: TapMapper, whole: boolean): LineReader {
  return {
    read: (text, line, emit) =>
      mapper.map(recordOf(text, line, whole), ({ record, time, position }) => emit(record, time, position)),
    end: (emit, bad) => {
      mapper.flush(({ record, time, position }) => emit(record, time, position))
      for (const [reason, count] of mapper.coverage.undecodable) bad(reason, count)
      mapper.close()
    },
  }
}

/** A whole file is longer than a record of a topic may be, so it is parsed here. */
function recordOf(text: string, line: number, whole: boolean): TapRecord {
  return { value: whole ? (parsed(text) ?? text) : text, position: line, partition: null, timestampMs: null }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** What an operator is told about a choice that was not theirs. */
export function chosenText(source: string, { preset, confidence }: Choice): string {
  return `${source}: read as ${preset.name} (${preset.title}), ${percent(confidence)} sure; --format names another`
}
