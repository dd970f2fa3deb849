const LOST: Readonly<Record<string, string>> = {
  'publish.dropped':
    'had to go because the brokers were away for longer than the buffer lasts; raise buffer_mib of sinks.kafka',
  'publish.unsent': 'were still waiting at the end; were the brokers away?',
  'publish.too_large':
    'were refused by the brokers; raise max.message.bytes of the topic, or lower body_kib and body_decode_kib',
  'publish.too_long': 'were longer than analyzers take; lower body_decode_kib',
}

/** What a sensor did not get into its topic, each with its remedy. Empty when all of it is there. */
export function publishHints(counters: readonly (readonly [string, number])[]): string[] {
  return counters.flatMap(([name, count]) => (name in LOST ? [`${count} transactions ${LOST[name]}`] : []))
}
