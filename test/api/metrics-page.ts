import { METRICS } from '../../daemon/api/metrics.ts'

/** docs/metrics.md. */
export function metricsPage(): string {
  const rows = METRICS.map(
    ({ name, type, labels, help }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
  )
  return `# Metrics

\`GET /metrics\` of the API in the text format of Prometheus: on the unix socket and on the loopback without a token, elsewhere with it.
Counters begin at 0 when the daemon starts. Every label has few values: names of Offpath's own, or of the configuration.

\`\`\`yaml
# prometheus.yml
scrape_configs:
  - job_name: offpath
    static_configs: [{targets: ['127.0.0.1:7710']}]
\`\`\`

| metric | type | labels | meaning |
| --- | --- | --- | --- |
${rows.join('\n')}

\`dashboards/offpath-grafana.json\` shows most of them.
`
}
