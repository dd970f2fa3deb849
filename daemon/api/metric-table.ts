import type { StatusJson } from './operations.ts'

/** A value with its labels. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

export interface StatusMetric {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  readonly labels: readonly string[]
  /** From the status; none where it says nothing about it. */
  read(status: StatusJson): readonly Sample[]
}

const STAGES = ['frames', 'bytes', 'messages', 'pairs'] as const
const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const
const WEBHOOK_STATES = ['ok', 'failing', 'open', 'disabled'] as const

/** Every metric that is read off the status. Those of the process itself are in metrics.ts. */
export const STATUS_METRICS: readonly StatusMetric[] = [
  gauge('build_info', 'Always 1; the version is a label.', ['version'], ({ version }) => [[{ version }, 1]]),
  gauge('start_time_seconds', 'When the daemon started, Unix time.', [], ({ started_at }) => one(unix(started_at))),
  gauge('event_time_seconds', 'How far the traffic has been read, Unix time.', [], ({ event_time }) =>
    event_time === null ? [] : one(unix(event_time)),
  ),
  gauge('source_up', 'Whether a source captures.', ['kind', 'name'], ({ sources }) =>
    sources.map(({ kind, name, state }) => [{ kind, name }, flag(state === 'capturing')]),
  ),
  gauge('source_lag_records', 'Records of a topic that were not read yet.', ['topic', 'partition'], ({ sources }) =>
    sources.flatMap(({ lags }) =>
      (lags ?? []).map(({ topic, partition, lag }): Sample => [{ topic, partition: String(partition) }, lag]),
    ),
  ),
  gauge(
    'source_queued_seconds',
    'Age of the oldest record that was read and is not analysed.',
    ['name'],
    ({ sources }) =>
      sources.flatMap(({ name, queued_seconds: seconds }): Sample[] =>
        seconds === undefined ? [] : [[{ name }, seconds]],
      ),
  ),
  gauge('publisher_up', 'Whether a sensor publishes to its topic.', ['topic'], ({ publisher }) =>
    publisher === undefined ? [] : [[{ topic: publisher.topic }, flag(publisher.state === 'publishing')]],
  ),
  gauge('publisher_queued_records', 'Records that wait to be published.', ['topic'], ({ publisher }) =>
    publisher === undefined ? [] : [[{ topic: publisher.topic }, publisher.queued]],
  ),
  counter('funnel_in_total', 'What came into a stage: frames, bytes, messages, pairs.', ['stage'], ({ funnel }) =>
    STAGES.map((stage) => [{ stage }, funnel[stage].in]),
  ),
  counter('funnel_delivered_total', 'What left a stage whole.', ['stage'], ({ funnel }) =>
    STAGES.map((stage) => [{ stage }, funnel[stage].delivered]),
  ),
  counter(
    'funnel_dropped_total',
    'What a stage let go, by cause: in = delivered + dropped.',
    ['stage', 'cause'],
    ({ funnel }) =>
      STAGES.flatMap((stage) =>
        named(funnel[stage].dropped, 'cause').map(([labels, n]): Sample => [{ stage, ...labels }, n]),
      ),
  ),
  gauge(
    'source_loss_ratio',
    'Share of what passed that a source did not see, over the last 10 s and 60 s of event time. A lower bound.',
    ['kind', 'name', 'window'],
    ({ quality }) =>
      quality.sources.flatMap(({ kind, name, loss }) =>
        [['10s', loss.last_10s] as const, ['60s', loss.last_60s] as const].flatMap(([window, share]): Sample[] =>
          share === null ? [] : [[{ kind, name, window }, share]],
        ),
      ),
  ),
  source('frames_total', 'Frames of a source, dropped ones included.', (of) => of.frames),
  source('bytes_total', 'TCP payload of a source.', (of) => of.bytes),
  source('unseen_bytes_total', 'Bytes that were acknowledged and never captured.', (of) => of.unseen_bytes),
  source('cut_bytes_total', 'Bytes that the snap length cut off.', (of) => of.cut_bytes),
  source('holes_total', 'Holes that unseen bytes left.', (of) => of.holes),
  counter(
    'source_dropped_frames_total',
    'Frames of a source that the kernel or the interface dropped, or that were given up under overload.',
    ['kind', 'name', 'cause'],
    ({ quality }) =>
      quality.sources.flatMap(({ kind, name, kernel_drops, interface_drops, shed_frames }): Sample[] => [
        [{ kind, name, cause: 'kernel' }, kernel_drops],
        [{ kind, name, cause: 'interface' }, interface_drops],
        [{ kind, name, cause: 'shed' }, shed_frames],
      ]),
  ),
  gauge(
    'link_one_sided',
    'Whether a link (a source, or a VLAN or VNI of it) carries one direction of its connections only.',
    ['kind', 'name', 'vlan', 'vni'],
    ({ quality }) =>
      quality.sources.flatMap(({ kind, name, links }) =>
        links.map(
          ({ vlan, vni, one_sided }): Sample => [
            { kind, name, vlan: String(vlan ?? ''), vni: String(vni ?? '') },
            flag(one_sided),
          ],
        ),
      ),
  ),
  gauge('learning_frozen', 'Whether baselines stand still because a source is blind or silent.', [], ({ learning }) =>
    one(flag(learning.frozen)),
  ),
  gauge('table_entries', 'Entries of a bounded table of the analysis.', ['table'], ({ tables }) =>
    Object.entries(tables).map(([table, { entries }]): Sample => [{ table }, entries]),
  ),
  gauge('table_limit', 'Entries that a table may have.', ['table'], ({ tables }) =>
    Object.entries(tables).map(([table, { limit }]): Sample => [{ table }, limit]),
  ),
  counter('table_evicted_total', 'Entries that a table pushed out, being full.', ['table'], ({ tables }) =>
    Object.entries(tables).map(([table, { evicted }]): Sample => [{ table }, evicted]),
  ),
  gauge('pairs_per_second', 'Requests with their response, over the last 10 s.', [], ({ pairs_per_second }) =>
    one(pairs_per_second),
  ),
  counter('weirds_total', 'Oddities of the traffic, by name.', ['name'], ({ weirds }) => named(weirds, 'name')),
  counter(
    'counters_total',
    'What Offpath counts inside, by name: given up, evicted, odd, kept.',
    ['name'],
    ({ counters }) => named(counters, 'name'),
  ),
  gauge(
    'detector_maturity_ratio',
    'How much of what it needs an enabled detector has seen.',
    ['detector'],
    ({ detectors }) =>
      detectors.filter(({ enabled }) => enabled).map(({ id, maturity }) => [{ detector: id }, maturity]),
  ),
  gauge('incidents_open', 'Open incidents.', ['severity'], ({ incidents }) =>
    SEVERITIES.map((severity) => [{ severity }, incidents.by_severity[severity] ?? 0]),
  ),
  gauge('actions_live', 'Actions that are not final.', [], ({ actions }) => one(actions.live)),
  gauge('actions_awaiting_approval', 'Actions that wait for a person.', [], ({ actions }) =>
    one(actions.awaiting_approval),
  ),
  gauge('actions_simulated', 'Live actions of which only the dispatch was left out.', [], ({ actions }) =>
    one(actions.simulated),
  ),
  gauge('policies', 'Policies in force.', [], ({ policies }) => one(policies.count)),
  gauge('policies_ok', '0 when the policy files are wrong and older ones are in force.', [], ({ policies }) =>
    one(flag(policies.error === null)),
  ),
  gauge('policy_demoted', 'Policies that lost their mode by false incidents: always 1.', ['policy'], ({ policies }) =>
    (policies.demoted ?? []).map(({ policy }): Sample => [{ policy }, 1]),
  ),
  gauge('policy_verdicts', 'What people said of the incidents of a policy.', ['policy', 'verdict'], ({ policies }) =>
    Object.entries(policies.verdicts ?? {}).flatMap(([policy, said]) =>
      Object.entries(said).map(([verdict, number]): Sample => [{ policy, verdict }, number]),
    ),
  ),
  gauge('store_up', 'Whether the store can be reached. Absent without one.', [], ({ store }) =>
    store === null ? [] : one(flag(store.down === null)),
  ),
  counter('store_rows_total', 'Rows stored since the start.', ['table'], ({ store }) =>
    named(store?.rowsStored ?? {}, 'table'),
  ),
  counter('store_counters_total', 'What the store gave up or found odd, by name.', ['name'], ({ store }) =>
    named(store?.counters ?? {}, 'name'),
  ),
  spool('batches', 'Sealed batches that wait for the store.', (of) => of.batches),
  spool('rows', 'Rows that wait for the store.', (of) => of.rows),
  spool('bytes', 'Bytes that wait for the store.', (of) => of.bytes),
  spool('max_bytes', 'How many may wait.', (of) => of.maxBytes),
  spool('oldest_seconds', 'Age of the oldest batch that waits.', (of) => of.oldestSeconds),
  spool(
    'lasts_seconds',
    'How long the rest of the spool lasts at the present rate. Absent while nothing comes in.',
    (of) => of.lastsSeconds,
  ),
  counter('spool_dropped_rows_total', 'Rows given up because the spool or the disk was full.', [], ({ store }) =>
    store === null ? [] : one(store.spool.droppedRows),
  ),
  gauge('webhook_state', '1 for the state a receiver is in.', ['endpoint', 'state'], ({ webhooks }) =>
    webhooks.flatMap(({ endpoint, state }) =>
      WEBHOOK_STATES.map((name): Sample => [{ endpoint, state: name }, flag(name === state)]),
    ),
  ),
  gauge('webhook_pending', 'Events that wait for delivery.', ['endpoint'], ({ webhooks }) =>
    webhooks.map(({ endpoint, pending }) => [{ endpoint }, pending]),
  ),
  gauge('webhook_dead', 'Events that were given up, kept for redelivery.', ['endpoint'], ({ webhooks }) =>
    webhooks.map(({ endpoint, dead }) => [{ endpoint }, dead]),
  ),
  counter('webhook_delivered_total', 'Events delivered.', ['endpoint'], ({ webhooks }) =>
    webhooks.map(({ endpoint, delivered }) => [{ endpoint }, delivered]),
  ),
  gauge('process_up', 'Whether a process of the daemon runs.', ['process'], ({ processes }) =>
    processes.map(({ name, pid }) => [{ process: name }, flag(pid !== null)]),
  ),
  gauge('process_memory_bytes', 'Resident memory of a process of the daemon.', ['process'], ({ processes }) =>
    processes.flatMap(({ name, rss_bytes }) => (rss_bytes === null ? [] : [[{ process: name }, rss_bytes] as const])),
  ),
]

type Read = StatusMetric['read']

function gauge(name: string, help: string, labels: readonly string[], read: Read): StatusMetric {
  return { name: `offpath_${name}`, type: 'gauge', help, labels, read }
}

function counter(name: string, help: string, labels: readonly string[], read: Read): StatusMetric {
  return { name: `offpath_${name}`, type: 'counter', help, labels, read }
}

type SourceQuality = StatusJson['quality']['sources'][number]

function source(name: string, help: string, of: (source: SourceQuality) => number): StatusMetric {
  return counter(`source_${name}`, help, ['kind', 'name'], ({ quality }) =>
    quality.sources.map((each): Sample => [{ kind: each.kind, name: each.name }, of(each)]),
  )
}

type Spool = NonNullable<StatusJson['store']>['spool']

function spool(name: string, help: string, of: (spool: Spool) => number | null): StatusMetric {
  return gauge(`spool_${name}`, help, [], ({ store }) => {
    const value = store === null ? null : of(store.spool)
    return value === null ? [] : one(value)
  })
}

function one(value: number): readonly Sample[] {
  return [[{}, value]]
}

function flag(yes: boolean): number {
  return yes ? 1 : 0
}

function unix(time: string): number {
  return Date.parse(time) / 1000
}

/** Most values of one label; the rest is summed up as `other`. The names are Offpath's own, so this is only a net. */
const MOST_NAMES = 200

function named(counts: Readonly<Record<string, number>>, label: string): Sample[] {
  const entries = Object.entries(counts)
  const samples = entries.slice(0, MOST_NAMES).map(([name, count]): Sample => [{ [label]: name.slice(0, 64) }, count])
  if (entries.length > MOST_NAMES) {
    samples.push([{ [label]: 'other' }, entries.slice(MOST_NAMES).reduce((sum, [, count]) => sum + count, 0)])
  }
  return samples
}
