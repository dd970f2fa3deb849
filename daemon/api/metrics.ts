import {
  constants,
  type IntervalHistogram,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
} from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { STATUS_METRICS, type StatusMetric } from './metric-table.ts'
import type { StatusJson } from './operations.ts'

/** What a page of the documentation says about a metric. */
export interface MetricDescription {
  readonly name: string
  readonly type: 'gauge' | 'counter' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

const OWN = {
  detectionLatency: {
    name: 'offpath_detection_latency_seconds',
    type: 'histogram',
    help: 'From the end of the exchange that completed the evidence to the incident being told.',
    labels: [],
  },
  apiRequests: {
    name: 'offpath_api_requests_total',
    type: 'counter',
    help: 'Requests of the API, by route and status.',
    labels: ['route', 'status'],
  },
  apiSeconds: {
    name: 'offpath_api_request_seconds',
    type: 'histogram',
    help: 'How long the API took to answer.',
    labels: [],
  },
  loopLag: {
    name: 'offpath_loop_lag_seconds',
    type: 'gauge',
    help: 'How late the event loop of the control process was since the last scrape.',
    labels: ['quantile'],
  },
  gc: {
    name: 'offpath_gc_seconds',
    type: 'histogram',
    help: 'Garbage collections of the control process.',
    labels: ['kind'],
  },
} as const satisfies Record<string, MetricDescription>

/** Every metric there is. */
export const METRICS: readonly MetricDescription[] = [...STATUS_METRICS, ...Object.values(OWN)]

const GC_KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak',
}

/** The metrics of the daemon: what its status says, and what control measures of itself. One for a process. */
export class DaemonMetrics {
  readonly #registry = new Registry()
  readonly #fromStatus: readonly { of: StatusMetric; metric: Gauge | Counter }[]
  readonly #detectionLatency: Histogram
  readonly #apiRequests: Counter
  readonly #apiSeconds: Histogram
  readonly #loopLag: Gauge
  readonly #gc: Histogram
  readonly #delay: IntervalHistogram
  readonly #collections: PerformanceObserver

  constructor() {
    const registers = [this.#registry]
    this.#fromStatus = STATUS_METRICS.map((of) => {
      const options = { name: of.name, help: of.help, labelNames: [...of.labels], registers }
      return { of, metric: of.type === 'gauge' ? new Gauge(options) : new Counter(options) }
    })
    const made = ({ name, help, labels }: MetricDescription) => ({ name, help, labelNames: [...labels], registers })
    const seconds = (least: number) => [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((factor) => least * factor)
    this.#detectionLatency = new Histogram({ ...made(OWN.detectionLatency), buckets: seconds(0.05) })
    this.#apiRequests = new Counter(made(OWN.apiRequests))
    this.#apiSeconds = new Histogram({ ...made(OWN.apiSeconds), buckets: seconds(0.001) })
    this.#loopLag = new Gauge(made(OWN.loopLag))
    this.#gc = new Histogram({ ...made(OWN.gc), buckets: seconds(0.0005) })
    this.#delay = monitorEventLoopDelay({ resolution: 10 })
    this.#delay.enable()
    this.#collections = new PerformanceObserver((list) => {
      for (const { detail, duration } of list.getEntries() as CollectionEntry[]) {
        const { kind } = detail
        this.#gc.observe({ kind: GC_KINDS[kind] ?? 'other' }, duration / 1000)
      }
    })
    this.#collections.observe({ entryTypes: ['gc'] })
  }

  /** An incident was told so long after its evidence was complete. */
  detected(seconds: number): void {
    this.#detectionLatency.observe(Math.max(0, seconds))
  }

  /** `observe` of the API server: the route is one of its templates. */
  readonly answered = (route: string, status: number, seconds: number): void => {
    this.#apiRequests.inc({ route, status: String(status) })
    this.#apiSeconds.observe(seconds)
  }

  /** The text of /metrics. A few hundred values: below a millisecond or two. */
  render(status: StatusJson): Promise<string> {
    for (const { of, metric } of this.#fromStatus) {
      // The totals are kept elsewhere; here they are only said.
      metric.reset()
      // A reset leaves a metric without labels at 0, which would say something that nobody said.
      if (of.labels.length === 0) metric.remove()
      for (const [labels, value] of of.read(status)) metric.inc(labels, value)
    }
    for (const quantile of [0.5, 0.99, 0.999, 1]) {
      const late = Math.max(0, this.#delay.percentile(100 * quantile) - RESOLUTION_NS) / 1e9
      this.#loopLag.set({ quantile: String(quantile) }, late)
    }
    this.#delay.reset()
    return this.#registry.metrics()
  }

  close(): void {
    this.#delay.disable()
    this.#collections.disconnect()
  }
}

interface CollectionEntry extends PerformanceEntry {
  readonly detail: { readonly kind: number }
}

/** The monitor measures its own timer too. */
const RESOLUTION_NS = 10e6
