import { afterEach, beforeEach, expect, test } from 'vitest'
import { DaemonMetrics, METRICS } from '../../daemon/api/metrics.ts'
import { metricsPage } from './metrics-page.ts'
import { sampleStatus } from './samples.ts'

let metrics: DaemonMetrics
beforeEach(() => {
  metrics = new DaemonMetrics()
})
afterEach(() => metrics.close())

/** Values by series, as in the text. */
async function values(of: DaemonMetrics, status = sampleStatus()): Promise<Map<string, number>> {
  const lines = (await of.render(status)).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

test('docs/metrics.md lists the metrics there are', async () => {
  await expect(metricsPage()).toMatchFileSnapshot('../../docs/metrics.md')
})

test('every metric is in the text, and nothing else', async () => {
  metrics.detected(0.2)
  metrics.answered('/api/v1/status', 200, 0.01)
  const names = [...(await metrics.render(sampleStatus())).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  )
  expect(names.sort()).toEqual(METRICS.map(({ name, type }) => `${name} ${type}`).sort())
})

test('the status is said as it is, twice the same', async () => {
  await values(metrics)
  const said = await values(metrics)
  for (const [series, value] of Object.entries({
    'offpath_build_info{version="0.1.0"}': 1,
    'offpath_source_up{kind="pcap",name="eth1"}': 1,
    'offpath_source_up{kind="exec",name="tcpdump"}': 0,
    'offpath_funnel_in_total{stage="frames"}': 1_204_331,
    'offpath_funnel_dropped_total{stage="frames",cause="kernel"}': 129,
    'offpath_weirds_total{name="http.bad_chunk"}': 3,
    'offpath_incidents_open{severity="critical"}': 0,
    'offpath_incidents_open{severity="high"}': 1,
    'offpath_detector_maturity_ratio{detector="object.enumeration"}': 0.42,
    offpath_store_up: 1,
    'offpath_store_rows_total{table="transactions"}': 80_001,
    offpath_spool_bytes: 3_200_000,
    offpath_spool_lasts_seconds: 7_260,
    'offpath_webhook_state{endpoint="soc",state="failing"}': 1,
    'offpath_webhook_state{endpoint="soc",state="ok"}': 0,
    'offpath_webhook_dead{endpoint="soc"}': 1,
    offpath_actions_awaiting_approval: 1,
    'offpath_process_memory_bytes{process="engine"}': 310_000_000,
    'offpath_process_up{process="store"}': 0,
    offpath_event_time_seconds: Date.parse('2026-11-21T20:12:03.123Z') / 1000,
  })) {
    expect([series, said.get(series)]).toEqual([series, value])
  }
  expect(said.has('offpath_detector_maturity_ratio{detector="scan.probing"}')).toBe(false)
})

test('what there is not is not said, rather than said as 0', async () => {
  const said = await values(metrics, sampleStatus({ store: null, event_time: null, webhooks: [] }))
  const absent = [...said.keys()].filter((series) => /^offpath_(store|spool|webhook|event_time)/.test(series))
  expect(absent).toEqual([])
})

test('names without end do not make series without end', async () => {
  const weirds = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`w${index}`, 1]))
  const said = await values(metrics, sampleStatus({ weirds }))
  expect([...said.keys()].filter((series) => series.startsWith('offpath_weirds_total')).length).toBe(201)
  expect(said.get('offpath_weirds_total{name="other"}')).toBe(4800)
})

test('requests, latencies, loop and collector are measured', async () => {
  metrics.detected(0.3)
  metrics.answered('/api/v1/status', 200, 0.004)
  const until = performance.now() + 100
  await new Promise((resolve) => setTimeout(resolve, 20))
  while (performance.now() < until) {
    // Holds the loop.
  }
  await new Promise((resolve) => setTimeout(resolve, 30))
  const said = await values(metrics)
  expect(said.get('offpath_detection_latency_seconds_bucket{le="0.5"}')).toBe(1)
  expect(said.get('offpath_api_requests_total{route="/api/v1/status",status="200"}')).toBe(1)
  expect(said.get('offpath_loop_lag_seconds{quantile="1"}')).toBeGreaterThan(0.04)
})

test('making the text is cheap', async () => {
  const status = sampleStatus()
  for (let round = 0; round < 20; round++) await metrics.render(status)
  const times: number[] = []
  for (let round = 0; round < 50; round++) {
    const startedAt = performance.now()
    await metrics.render(status)
    times.push(performance.now() - startedAt)
  }
  expect(times.sort((a, b) => a - b)[25]).toBeLessThan(10)
})
