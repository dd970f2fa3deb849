import { type Fact, type Look, renderFacts, renderTable } from '../../sinks/text-table.ts'
import type { DescribedRoute } from '../inventory/descriptions.ts'
import { DRIFT_RULES, type DriftFinding } from '../inventory/drift.ts'
import type { FieldJson, RouteJson } from '../inventory/views.ts'

/** Routes, one line each, under their services when there are several. */
export function renderRoutes(routes: readonly DescribedRoute[], look: Look): string {
  const services = new Map<string, DescribedRoute[]>()
  for (const route of routes) {
    const known = services.get(route.service)
    if (known === undefined) services.set(route.service, [route])
    else known.push(route)
  }
  const several = services.size > 1
  const blocks = [...services].map(([service, own]) =>
    several ? `${renderHeading(service, look)}${renderService(own, look)}` : renderService(own, look),
  )
  const where = several ? `${services.size} services` : (routes[0]?.service ?? '')
  const unsure = routes.some(({ state }) => state === 'candidate')
    ? '? A candidate: few answers so far, or one caller only.\n'
    : ''
  return `${blocks.join('\n')}\n${unsure}${routes.length} ${routes.length === 1 ? 'route' : 'routes'} of ${where}. offpath routes show METHOD PATH has the parameters.\n`
}

function renderService(routes: readonly DescribedRoute[], look: Look): string {
  const described = routes.some(({ documented }) => documented !== null)
  return renderTable(
    [
      { title: 'METHOD' },
      // A path that is cut names nothing; a narrow terminal breaks the line.
      { title: 'PATH' },
      { title: 'REQUESTS', align: 'right' },
      { title: 'ANSWERED', align: 'right' },
      { title: 'CALLERS', align: 'right' },
      { title: 'IDENTITY', least: 10 },
      { title: 'SENSITIVE', least: 9 },
      { title: 'FIRST SEEN' },
      ...(described ? [{ title: 'DESCRIBED' }] : []),
      { title: '' },
    ],
    routes.map((route) => [
      route.method,
      route.path,
      String(route.requests),
      percent(answeredShare(route)),
      String(route.callers),
      identityText(route, LISTED),
      Object.keys(route.sensitive).join(' ') || '-',
      dayText(route.first_seen),
      ...(described ? [describedText(route)] : []),
      route.state === 'candidate' ? '?' : '',
    ]),
    look,
  )
}

function describedText({ documented }: DescribedRoute): string {
  return documented === null ? '-' : documented ? 'yes' : 'no'
}

/** A line above a table, escaped as its cells are. */
function renderHeading(text: string, look: Look): string {
  return renderTable([{ title: text }], [], look)
}

/** Everything known of one route. */
export function renderRoute(route: DescribedRoute, look: Look): string {
  const { authentication, samples } = route
  const { anonymous } = authentication
  const facts: Fact[] = [
    { name: 'Service', text: route.service },
    { name: 'State', text: route.state === 'candidate' ? 'candidate: few answers, or one caller only' : 'established' },
    ...(route.documented === null ? [] : [{ name: 'Described', text: describedText(route) }]),
    { name: 'Seen', text: `${timeText(route.first_seen)} to ${timeText(route.last_seen)}` },
    { name: 'Requests', text: `${route.requests} by ${route.callers} ${route.callers === 1 ? 'caller' : 'callers'}` },
    { name: 'Status', text: statusText(route) },
    { name: 'Identity', text: identityText(route) },
    {
      name: 'Anonymous',
      text: `${anonymous.requests} requests, ${anonymous.granted} granted, ${anonymous.refused} refused`,
    },
    { name: 'Takes', text: route.request_types.join(', ') },
    { name: 'Answers', text: route.response_types.join(', ') },
    ...(route.privilege.length > 0 ? [{ name: 'Privilege', text: `hinted at by ${route.privilege.join(', ')}` }] : []),
    ...(route.deprecated === null ? [] : [{ name: 'Deprecated', text: deprecatedText(route.deprecated) }]),
    {
      name: 'Looked at',
      text: `${samples.taken} requests, ${samples.requests} bodies of requests and ${samples.responses} of answers`,
    },
  ]
  const fields = route.fields.length === 0 ? '' : `\n${renderFields(route.fields, look)}`
  return `${renderHeading(route.endpoint, look)}\n${renderFacts(facts, look)}${fields}`
}

function renderFields(fields: readonly FieldJson[], look: Look): string {
  return renderTable(
    [
      { title: 'IN' },
      { title: 'FIELD', least: 16 },
      { title: 'TYPE' },
      { title: 'IN SHARE', align: 'right' },
      { title: 'VALUES', least: 12 },
      { title: 'SENSITIVE' },
    ],
    fields.map((field) => [
      field.in,
      field.name,
      field.type,
      percent(field.share),
      valuesText(field),
      Object.keys(field.sensitive).join(' '),
    ]),
    look,
  )
}

/** Of each class: where it stands. */
export function renderSensitive(rows: readonly SensitiveRow[], look: Look): string {
  const several = new Set(rows.map(({ service }) => service)).size > 1
  return renderTable(
    [
      { title: 'CLASS' },
      ...(several ? [{ title: 'SERVICE', least: 12 }] : []),
      { title: 'ENDPOINT' },
      { title: 'IN' },
      { title: 'FIELD', least: 12 },
      { title: 'SEEN', align: 'right' as const },
      { title: 'ENFORCED' },
    ],
    rows.map((row) => [
      row.class,
      ...(several ? [row.service] : []),
      row.endpoint,
      row.in,
      row.field,
      `${row.seen} of ${row.of}`,
      row.enforced,
    ]),
    look,
  )
}

export interface SensitiveRow {
  readonly class: string
  readonly service: string
  readonly endpoint: string
  readonly in: FieldJson['in']
  readonly field: string
  /** Values of the class, of all values of the field that were looked at. */
  readonly seen: number
  readonly of: number
  readonly enforced: 'yes' | 'no' | 'unknown'
}

export function sensitiveRows(routes: readonly RouteJson[]): SensitiveRow[] {
  return routes
    .flatMap(({ service, endpoint, authentication, fields }) =>
      fields.flatMap((field) =>
        Object.entries(field.sensitive).map(([name, seen]) => ({
          class: name,
          service,
          endpoint,
          in: field.in,
          field: field.name,
          seen,
          of: field.seen,
          enforced: authentication.enforced,
        })),
      ),
    )
    .sort((a, b) => (a.class < b.class ? -1 : a.class > b.class ? 1 : 0))
}

export function renderDrift(findings: readonly DriftFinding[], look: Look): string {
  const table = renderTable(
    [
      { title: 'LEVEL', paint: (level, colours) => (level === 'error' ? colours.red : colours.dim) },
      { title: 'DRIFT' },
      // What is wrong, and where, is never cut; a narrow terminal breaks the line.
      { title: 'ENDPOINT' },
      { title: 'FIELD' },
      { title: 'WHAT' },
    ],
    findings.map(({ level, rule, endpoint, field, message }) => [level, rule, endpoint, field ?? '', message]),
    look,
  )
  const counts = Object.keys(DRIFT_RULES)
    .map((rule) => [rule, findings.filter((finding) => finding.rule === rule).length] as const)
    .filter(([, count]) => count > 0)
    .map(([rule, count]) => `${count} ${rule}`)
  return `${table}\n${findings.length} ${findings.length === 1 ? 'difference' : 'differences'}: ${counts.join(', ')}.\n`
}

/** Of its requests, those that got 2xx or 3xx. */
function answeredShare({ statuses, requests }: RouteJson): number {
  const answered = Object.entries(statuses)
    .filter(([status]) => status.startsWith('2') || status.startsWith('3'))
    .reduce((sum, [, count]) => sum + count, 0)
  return requests === 0 ? 0 : answered / requests
}

function statusText({ statuses }: RouteJson): string {
  const entries = Object.entries(statuses).sort(([, a], [, b]) => b - a)
  return entries.map(([status, count]) => `${status === '0' ? 'other' : status}×${count}`).join(' ') || '-'
}

/** Kinds of identity that a line of the list names. */
const LISTED = 2

/** Who was told by what, most first, and whether one gets in without. */
export function identityText({ authentication }: RouteJson, most = Number.POSITIVE_INFINITY): string {
  const all = Object.entries(authentication.seen).sort(([, a], [, b]) => b - a)
  const seen = all.slice(0, most).map(([via]) => via)
  if (all.length > most) seen.push(`${all.length - most} more`)
  switch (authentication.enforced) {
    case 'yes':
      return `${seen.join(', ') || 'unknown'}, required`
    case 'no':
      return seen.length === 0 ? 'none' : `${seen.join(', ')}, optional`
    case 'unknown':
      return seen.join(', ') || '-'
  }
}

function deprecatedText({ seen, sunset }: NonNullable<RouteJson['deprecated']>): string {
  return `said by ${seen} ${seen === 1 ? 'answer' : 'answers'}${sunset === null ? '' : `, gone after ${sunset}`}`
}

function valuesText({ enum: words, min, max, min_length: shortest, max_length: longest, object_id: id }: FieldJson) {
  const told: string[] = []
  if (id) told.push('object id')
  if (words !== null) told.push(words.join(' | '))
  else if (min !== null) told.push(`${min} to ${max}`)
  else if (shortest !== null) told.push(shortest === longest ? `${shortest} long` : `${shortest} to ${longest} long`)
  return told.join(', ')
}

function percent(share: number): string {
  return share > 0 && share < 0.01 ? '<1 %' : `${Math.floor(share * 100)} %`
}

export function dayText(time: string): string {
  return time.slice(0, 10)
}

export function timeText(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)}`
}
