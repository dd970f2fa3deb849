import { DEFAULT_HTTP_LIMITS, type HttpLimits } from '../http/limits.ts'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import type { IdKey } from '../identity/transaction-id.ts'
import type { SourceInfo } from '../model/frame.ts'
import { type EventTime, parseTime } from '../model/time.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { type Compiled, compileMapping } from './compile.ts'
import { count, newCoverage, type TapCoverage } from './coverage.ts'
import type { Draft } from './draft.ts'
import type { FieldWatch, ReadingOf } from './fields.ts'
import { Join } from './join.ts'
import type { Preset } from './mapping.ts'
import { findPreset, shippedPresets } from './presets.ts'
import { Recogniser, type Score } from './recognise.ts'
import type { MappedSink, TapRecord, Undecodable } from './record.ts'
import { RecordIds } from './record-id.ts'

export interface TapMapperSettings {
  /** A preset's name, the path of a mapping file, a preset itself, or `auto`. */
  readonly format: string | Preset
  readonly key: PrivacyKey
  readonly bodies: boolean
  readonly telemetry: Telemetry
  /** Where the records come from, as printed in `source`. */
  readonly source: SourceInfo
  /** Bounds of bodies and of wire HTTP inside records; default: those of the HTTP stage. */
  readonly limits?: HttpLimits
  readonly watch?: FieldWatch
}

/** The format in use. */
export interface Chosen {
  readonly preset: Preset
  /** 1 when it was named. */
  readonly confidence: number
  readonly scores: readonly Score[]
}

/** Records of any known format to native ones, still unredacted: NativeReader comes next. See decoder.ts for the calls. */
export interface TapMapper {
  /** Null while it is not chosen yet. */
  readonly format: Chosen | null
  readonly coverage: TapCoverage
  /** Records and halves that wait. */
  readonly held: number
  map(record: TapRecord, emit: MappedSink): void
  settle(emit: MappedSink): void
  tick(now: EventTime, emit: MappedSink): void
  flush(emit: MappedSink): void
  close(): void
}

const SAMPLE_RECORDS = 200
const SAMPLE_CHARACTERS = 8 * 1024 * 1024

export function createTapMapper(settings: TapMapperSettings): TapMapper {
  return new Mapper(settings)
}

class Mapper implements TapMapper {
  readonly coverage = newCoverage()
  format: Chosen | null = null
  readonly #settings: TapMapperSettings
  readonly #limits: HttpLimits
  readonly #ids: RecordIds
  readonly #source: Readonly<Record<string, unknown>>
  #reader: ((record: TapRecord, emit: MappedSink) => void) | null = null
  #join: Join | null = null
  #sample: TapRecord[] = []
  #sampled = 0

  constructor(settings: TapMapperSettings) {
    this.#settings = settings
    this.#limits = settings.limits ?? DEFAULT_HTTP_LIMITS
    this.#ids = new RecordIds(settings.key)
    this.#source = { ...settings.source, vlan: null, vni: null }
    const { format } = settings
    if (format === 'auto') return
    this.#use({ preset: typeof format === 'string' ? findPreset(format) : format, confidence: 1, scores: [] })
  }

  get held(): number {
    return this.#sample.length + (this.#join?.size ?? 0)
  }

  map(record: TapRecord, emit: MappedSink): void {
    if (this.#reader !== null) {
      this.#reader(record, emit)
      return
    }
    // Bytes are borrowed; what waits has to own them.
    const value = Buffer.isBuffer(record.value) ? Buffer.from(record.value) : record.value
    this.#sample.push({ ...record, value })
    this.#sampled += typeof value === 'string' || Buffer.isBuffer(value) ? value.length : 1024
    if (this.#sample.length >= SAMPLE_RECORDS || this.#sampled >= SAMPLE_CHARACTERS) this.settle(emit)
  }

  settle(emit: MappedSink): void {
    if (this.#reader !== null || this.#sample.length === 0) return
    const sample = this.#sample
    this.#sample = []
    this.#sampled = 0
    this.#use(new Recogniser(shippedPresets()).choose(sample, this.#settings.source.name))
    for (const record of sample) this.#reader!(record, emit)
  }

  tick(now: EventTime, emit: MappedSink): void {
    this.#join?.tick(now, (draft) => this.#finish(draft, emit))
  }

  flush(emit: MappedSink): void {
    this.settle(emit)
    this.#join?.flush((draft) => this.#finish(draft, emit))
  }

  close(): void {
    this.#ids.close()
    this.#sample = []
  }

  #use(chosen: Chosen): void {
    const { preset } = chosen
    this.format = chosen
    this.coverage.lacks = preset.lacks
    if (preset.name === NATIVE) {
      this.#reader = (record, emit) => this.#native(record, emit)
      return
    }
    const { counters } = this.#settings.telemetry
    const compiled = compileMapping(
      preset,
      {
        limits: this.#limits,
        bodies: this.#settings.bodies,
        failed: (field) => {
          counters.add(`tap.bad_field.${field}`)
          count(this.coverage.badFields, field)
        },
      },
      [],
    )
    if (compiled.pair !== null) this.#join = new Join(compiled.pair, counters, this.#limits.maxDecodedBytes)
    this.#reader = (record, emit) => this.#mapped(compiled, record, emit)
  }

  #mapped(compiled: Compiled, tap: TapRecord, emit: MappedSink): void {
    this.coverage.records++
    const unpacked = compiled.unpack(tap.value)
    if (typeof unpacked === 'string') {
      this.#lost(unpacked)
      return
    }
    const reading: ReadingOf = { timestampMs: tap.timestampMs, watch: this.#settings.watch ?? null }
    const key = this.#ids.keyOf(tap)
    const { record } = unpacked
    // A batch of records in one: what Kong and log shippers send when they are told to.
    const many = Array.isArray(record) ? (record as unknown[]) : compiled.explode(record)
    if (many === null) {
      this.#one(compiled, record, tap, key, 0, reading, emit)
      return
    }
    if (many.length === 0) this.#lost('nothing_inside')
    for (let index = 0; index < many.length; index++) this.#one(compiled, many[index], tap, key, index, reading, emit)
  }

  #one(
    compiled: Compiled,
    outer: unknown,
    tap: TapRecord,
    key: IdKey,
    index: number,
    reading: ReadingOf,
    emit: MappedSink,
  ): void {
    const record = compiled.nest === null ? outer : compiled.nest(outer)
    if (typeof record !== 'object' || record === null) {
      this.#lost('not_object')
      return
    }
    if (compiled.where !== null && !compiled.where(record)) {
      this.#lost('not_selected')
      return
    }
    const draft = compiled.draft(record, reading)
    draft.position = tap.position
    draft.id = this.#ids.idOf(key, index, tap.position, draft.ts ?? draft.endTs ?? 0)
    if (this.#join === null) this.#finish(draft, emit)
    else if (!this.#join.push(record, draft, (done) => this.#finish(done, emit))) this.#lost('other_side')
  }

  #finish(draft: Draft, emit: MappedSink): void {
    const mapped = draft.finish(this.#source, this.#limits.maxDecodedBytes)
    if (typeof mapped === 'string') {
      this.#lost(mapped)
      return
    }
    this.coverage.transactions++
    emit(mapped)
  }

  /** What another Offpath wrote is taken as it is. */
  #native(tap: TapRecord, emit: MappedSink): void {
    this.coverage.records++
    const { value } = tap
    let record: unknown = value
    if (typeof value === 'string' || Buffer.isBuffer(value)) {
      try {
        record = JSON.parse(value.toString())
      } catch {
        this.#lost('bad_json')
        return
      }
    }
    if (typeof record !== 'object' || record === null || Array.isArray(record)) {
      this.#lost('not_object')
      return
    }
    const fields = record as Record<string, unknown>
    const time = timeOf(fields.end_ts) ?? timeOf(fields.ts)
    if (time === null) {
      this.#lost('no_ts')
      return
    }
    this.coverage.transactions++
    emit({ record: fields, time, position: tap.position })
  }

  #lost(reason: Undecodable): void {
    count(this.coverage.undecodable, reason)
    this.#settings.telemetry.counters.add(`tap.undecodable.${reason}`)
  }
}

const NATIVE = 'native'

function timeOf(value: unknown): EventTime | null {
  return typeof value === 'string' ? parseTime(value) : null
}
