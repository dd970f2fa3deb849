import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { expect, test } from 'vitest'
import type { Action } from '../../daemon/model/action.ts'
import type { Incident } from '../../daemon/model/incident.ts'
import { actionJson } from '../../sinks/action-json.ts'
import { encodeIncident } from '../../sinks/incident-json.ts'
import { ActionEventSchema, eventSchemas, IncidentEventSchema } from '../../sinks/webhook/event-schema.ts'
import { actionEvent, type EventContext, incidentEvent, type WebhookEvent } from '../../sinks/webhook/events.ts'
import type { ActionActivity, IncidentActivity } from '../../sinks/webhook/ocsf.ts'
import { HOSTILE_TEXT } from '../hostile-text.ts'
import { action, incident, OPENED_MS } from './samples.ts'

const CONTEXT: EventContext = { deployment: 'k0123456789', version: '0.1.0' }
const GOLDEN = join(import.meta.dirname, 'golden')
const SCHEMAS = join(import.meta.dirname, '..', '..', 'docs', 'schemas')

const ajv = new Ajv2020({ strict: true, allErrors: true })
formats.default(ajv)
const schemas = { incident: validator('webhook-incident.v1.json'), action: validator('webhook-action.v1.json') }

function validator(file: string) {
  return ajv.compile(JSON.parse(readFileSync(join(SCHEMAS, file), 'utf8')))
}

const told = (kind: IncidentActivity, change: Partial<Incident> = {}) =>
  incidentEvent({ kind, incident: incident(change), keys: [] }, CONTEXT)
const acted = (kind: ActionActivity, change: Partial<Action> = {}, about: Incident | null = incident()) =>
  actionEvent(kind, action(change), about, CONTEXT)

const later = (state: Action['state']) => ({
  state,
  history: [...action().history, { state, atMs: OPENED_MS + 300, why: 'receiver answered 204' }],
})
const EVENTS: Readonly<Record<string, WebhookEvent>> = {
  'incident-opened': told('opened'),
  'incident-updated': told('updated', { signalCount: 3, updatedAt: incident().updatedAt + 1, status: 'contained' }),
  'incident-closed': told('closed', { status: 'resolved', closedAt: incident().updatedAt + 7_200_000_000 }),
  'incident-false': told('closed', { status: 'false', closedAt: incident().updatedAt + 5 }),
  'incident-simulated': told('opened', { simulated: true }),
  'action-requested': acted('requested'),
  'action-reverted': acted('reverted', later('reverting')),
  'action-result': acted('result', later('applied')),
  'action-result-failed': acted('result', { ...later('failed'), error: 'edge: receiver answered 503' }, null),
  'action-result-simulated': acted('result', { ...later('applied'), simulated: true, mode: 'simulate' }),
}

test.each(Object.entries(EVENTS))('%s is the golden one', async (name, event) => {
  await expect(`${JSON.stringify(JSON.parse(event.body), null, 2)}\n`).toMatchFileSnapshot(join(GOLDEN, `${name}.json`))
})

test('the golden files are these, and each is valid under the published schema', () => {
  expect(readdirSync(GOLDEN).sort()).toEqual(
    Object.keys(EVENTS)
      .map((name) => `${name}.json`)
      .sort(),
  )
  for (const name of Object.keys(EVENTS)) {
    const validate = schemas[name.startsWith('incident') ? 'incident' : 'action']
    validate(JSON.parse(readFileSync(join(GOLDEN, `${name}.json`), 'utf8')))
    expect(validate.errors, name).toBeNull()
  }
})

test('the schemas refuse what is no such event', () => {
  const body = JSON.parse(EVENTS['incident-opened']!.body)
  for (const wrong of [
    { ...body, id: undefined },
    { ...body, type: 'offpath.incident.opened.v2' },
    { ...body, time: 'yesterday' },
    { ...body, data: { ...body.data, offpath: { ...body.data.offpath, incident: {} } } },
  ]) {
    expect(schemas.incident(JSON.parse(JSON.stringify(wrong)))).toBe(false)
  }
  expect(schemas.action(body)).toBe(false)
})

test('an event is a CloudEvent around the exact record', () => {
  const event = EVENTS['incident-opened']!
  const body = JSON.parse(event.body)
  expect(body).toMatchObject({ specversion: '1.0', id: event.id, type: event.type, subject: incident().id })
  expect(body.source).toBe('urn:offpath:deployment:k0123456789')
  expect(body.data.offpath).toEqual({
    change: 'opened',
    clipped: false,
    incident: JSON.parse(encodeIncident(incident())),
  })
  expect(JSON.parse(EVENTS['action-requested']!.body).data.offpath.action).toEqual(actionJson(action()))
  expect(event.body).not.toContain('targets')
})

test('every key an event has is in its schema', () => {
  const unknown = (value: unknown, node: Node, path: string): string[] => {
    if (typeof value !== 'object' || value === null) return []
    if (node.anyOf !== undefined) return unknown(value, node.anyOf.find((option) => option.properties)!, path)
    if (Array.isArray(value)) return value.flatMap((entry) => unknown(entry, node.items ?? {}, `${path}[]`))
    return Object.entries(value).flatMap(([key, child]) => {
      const known = node.properties?.[key]
      return known === undefined ? [`${path}.${key}`] : unknown(child, known, `${path}.${key}`)
    })
  }
  const found = new Set(
    Object.entries(EVENTS).flatMap(([name, event]) => {
      const file = name.startsWith('incident') ? 'webhook-incident.v1.json' : 'webhook-action.v1.json'
      return unknown(JSON.parse(event.body), JSON.parse(eventSchemas()[file]!), '')
    }),
  )
  expect([...found]).toEqual([])
})

interface Node {
  readonly properties?: Readonly<Record<string, Node>>
  readonly items?: Node
  readonly anyOf?: readonly Node[]
}

test('the same change has the same id, another change another', () => {
  expect(told('opened').id).toBe(EVENTS['incident-opened']!.id)
  const ids = Object.values(EVENTS).map((event) => event.id)
  ids.push(told('updated').id, told('opened', { updatedAt: incident().updatedAt + 1 }).id)
  ids.push(incidentEvent({ kind: 'opened', incident: incident(), keys: [] }, { ...CONTEXT, deployment: 'other' }).id)
  // A simulated one differs in nothing that makes the id: one deployment has it once.
  expect(new Set(ids).size).toBe(ids.length - 2)
  expect(acted('requested', { attempts: 4, ...later('dispatched') }).id).toBe(EVENTS['action-requested']!.id)
})

test('a simulated action is never requested nor reverted, and says so wherever one may look', () => {
  expect(() => acted('requested', { simulated: true })).toThrow(/never requested/)
  expect(() => acted('reverted', { simulated: true })).toThrow(/never requested or reverted/)
  const body = JSON.parse(EVENTS['action-result-simulated']!.body)
  expect([body.simulated, body.data.offpath.action.simulated, body.data.status]).toEqual([
    true,
    true,
    'simulated: applied',
  ])
})

test('hostile text stays data: bounded, valid JSON and valid under the schema', () => {
  for (const { text } of HOSTILE_TEXT) {
    const long = text.repeat(Math.ceil(3000 / text.length))
    const event = told('opened', {
      title: text,
      why: long,
      subject: { kind: 'user', value: text, members: Array.from({ length: 500 }, () => long) },
      endpoints: Array.from({ length: 500 }, () => long),
    })
    const body = JSON.parse(event.body)
    schemas.incident(body)
    expect(schemas.incident.errors).toBeNull()
    expect(body.data.offpath.clipped).toBe(true)
    expect(body.data.offpath.incident.endpoints.length).toBe(100)
    expect(event.body.length).toBeLessThan(1_000_000)
    expect(body.data.offpath.incident.title).toBe(text.slice(0, 2048).replace(/\p{Cs}/gu, '\ufffd'))
  }
})

test('a list that is cut is told as cut, one at the bound is whole', () => {
  const clipped = (count: number) =>
    JSON.parse(told('opened', { endpoints: Array.from({ length: count }, (_, i) => `GET /${i}`) }).body).data.offpath
      .clipped
  expect([clipped(100), clipped(101)]).toEqual([false, true])
})

test('what zod refuses and what the JSON Schema refuses is the same', () => {
  for (const [name, event] of Object.entries(EVENTS)) {
    const schema = name.startsWith('incident') ? IncidentEventSchema : ActionEventSchema
    expect(schema.safeParse(JSON.parse(event.body)).success).toBe(true)
  }
})
