import type { IdKind } from '../identifiers.ts'
import { type Audience, type Operation, Resource, type Service, type Shape, type Visibility } from './operation.ts'

/**
 * Reads the tables of the estate, which are made for eyes: a line for each resource and each operation.
 *
 *   order      mixed  9000  own
 *   GET  /v1/orders/{order}   item   order   20   [audience] [latency in ms]
 */
export function readResources(text: string, seed: number): Map<string, Resource> {
  const resources = new Map<string, Resource>()
  for (const [name, kind, count, visibility] of rows(text)) {
    const own = seed + resources.size * 7919
    resources.set(name!, new Resource(name!, kind as IdKind, Number(count), visibility as Visibility, own))
  }
  return resources
}

export function readOperations(
  text: string,
  service: Service,
  resources: ReadonlyMap<string, Resource>,
  audience: Audience,
): void {
  for (const [method, target, shape, subject, weight, who, latency] of rows(text)) {
    const [path = '', name = null] = target!.split('#')
    const pieces = path.split(/[{}]/).map((piece, i) => (i % 2 === 0 ? piece : resourceOf(resources, piece)))
    const operation: Operation = {
      service,
      method: method!,
      template: `${method} ${target}`,
      pieces: pieces.filter((piece) => piece !== ''),
      resources: pieces.filter((piece) => typeof piece !== 'string'),
      name,
      shape: shape as Shape,
      subject: subject === '-' ? null : resourceOf(resources, subject!),
      audience: (who as Audience | undefined) ?? audience,
      weight: Number(weight),
      latencyMs: latency === undefined ? LATENCY_MS[shape as Shape] : Number(latency),
    }
    service.operations.push(operation)
  }
}

const LATENCY_MS: Readonly<Record<Shape, number>> = {
  list: 38,
  item: 14,
  create: 45,
  update: 28,
  remove: 19,
  action: 33,
  page: 9,
  report: 640,
  ok: 3,
}

function resourceOf(resources: ReadonlyMap<string, Resource>, name: string): Resource {
  const found = resources.get(name)
  if (found === undefined) throw new Error(`the estate has no resource ${name}`)
  return found
}

function rows(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((row) => row.length > 1)
}
