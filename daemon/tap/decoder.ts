import { NativeReader, type NativeReaderSettings } from '../identity/native-reader.ts'
import type { TransactionRecord } from '../identity/record.ts'
import { createTapMapper, type TapMapper, type TapMapperSettings } from './mapper.ts'
import type { MappedRecord, TapRecord } from './record.ts'

/**
 * Records of gateways, proxies and meshes into transactions, redacted: what a Kafka topic or a log file carries.
 *
 *   const decoder = createTapDecoder({ format: 'auto', key, options: config identity, bodies, telemetry, sourceName: topic, source: { kind: 'kafka', name: topic } })
 *   decoder.decode({ value: bytesOrJson, position: offset, partition: { topic, number }, timestampMs }, emit)
 *   decoder.settle(emit)        // decide on the format now, with what was seen: after a batch, so that few records do not wait
 *   decoder.tick(nowUs, emit)   // halves that waited long enough go out alone
 *   decoder.flush(emit)         // end of input: everything held goes out
 *
 * `emit` gets zero, one or many transactions per record, in their order, during the call or a later one (a format is chosen
 * on the first 200 records; halves of one exchange wait for each other). Their `endTime` orders them; a source whose clock
 * guard finds it bogus sets `endTime` to the guard's clock, `durationUs` to null and calls `addWeird('clock.jump')`.
 * Nothing throws on a hostile record. `OFFPATH_E_FORMAT` is thrown when no format fits (auto), and OFFPATH_E_KEY_MISMATCH
 * for native records made under another key.
 */
export interface TapDecoder extends Pick<TapMapper, 'format' | 'coverage' | 'held'> {
  decode(record: TapRecord, emit: TransactionSink): void
  settle(emit: TransactionSink): void
  tick(nowUs: number, emit: TransactionSink): void
  flush(emit: TransactionSink): void
  close(): void
}

export type TransactionSink = (transaction: TransactionRecord) => void

export type TapDecoderSettings = NativeReaderSettings & TapMapperSettings

export function createTapDecoder(settings: TapDecoderSettings): TapDecoder {
  const mapper = createTapMapper(settings)
  const reader = new NativeReader(settings)
  const through = (emit: TransactionSink) => (mapped: MappedRecord) => {
    const transaction = reader.read(mapped.record, mapped.position, mapped.time, false)
    if (transaction !== null) emit(transaction)
  }
  return {
    get format() {
      return mapper.format
    },
    get coverage() {
      return mapper.coverage
    },
    get held() {
      return mapper.held
    },
    decode: (record, emit) => mapper.map(record, through(emit)),
    settle: (emit) => mapper.settle(through(emit)),
    tick: (nowUs, emit) => mapper.tick(nowUs, through(emit)),
    flush: (emit) => mapper.flush(through(emit)),
    close: () => {
      reader.close()
      mapper.close()
    },
  }
}
