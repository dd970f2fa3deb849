import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { IDENTITY_DEFAULTS } from '../../daemon/identity/recorder.ts'
import { RESOLVER_DEFAULTS, Resolver } from '../../daemon/identity/resolver.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { createTapDecoder, type TapDecoder } from '../../daemon/tap/decoder.ts'
import type { Preset } from '../../daemon/tap/mapping.ts'
import { Counters, type Telemetry } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { encodeTransaction } from '../../sinks/native-json.ts'

export const FIXTURES = join(import.meta.dirname, 'fixtures')

export interface Decoded {
  readonly transactions: readonly Transaction[]
  /** As printed, principals resolved. */
  readonly lines: readonly string[]
  readonly decoder: TapDecoder
  readonly telemetry: Telemetry
}

export function fixtureLines(name: string): string[] {
  return readFileSync(join(FIXTURES, `${name}.jsonl`), 'utf8')
    .split('\n')
    .slice(0, -1)
}

/** Decodes values in order, as lines of a file, or as records of a topic. */
export function decode(
  values: readonly unknown[],
  format: string | Preset = 'auto',
  { topic = false, timestampMs = null }: { topic?: boolean; timestampMs?: number | null } = {},
): Decoded {
  const telemetry: Telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const source = topic
    ? ({ kind: 'kafka', name: 'gateway' } as const)
    : ({ kind: 'file', name: 'gateway.jsonl' } as const)
  const decoder = createTapDecoder({
    format,
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: true,
    telemetry,
    source,
    sourceName: source.name,
  })
  const transactions: Transaction[] = []
  const keep = (transaction: Transaction) => void transactions.push(transaction)
  for (const [index, value] of values.entries()) {
    const partition = topic ? { topic: 'gateway', number: 0 } : null
    decoder.decode({ value, position: index + 1, partition, timestampMs }, keep)
  }
  decoder.flush(keep)
  decoder.close()
  const resolver = new Resolver(RESOLVER_DEFAULTS)
  const lines = transactions.map((transaction) => {
    resolver.resolve(transaction)
    return encodeTransaction(transaction)
  })
  return { transactions, lines, decoder, telemetry }
}
