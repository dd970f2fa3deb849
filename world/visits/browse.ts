import type { Call, Caller } from '../caller.ts'
import { cumulate, heavyCount, weightedIndex } from '../draw.ts'
import type { Audience, Operation, Resource, Service } from '../estate/operation.ts'
import { phrase } from '../identifiers.ts'
import { refreshToken } from './login.ts'
import { type Script, think } from './script.ts'

/** What a caller of some audience finds at a service, by how often it is used, and by the object it is about. */
export class Menu {
  readonly operations: readonly Operation[]
  readonly #cumulative: Float64Array
  readonly #about = new Map<Resource, readonly Operation[]>()

  constructor(services: readonly Service[], audiences: readonly Audience[]) {
    const all = services.flatMap((service) => service.operations)
    this.operations = all.filter((each) => audiences.includes(each.audience) && each.weight > 0)
    this.#cumulative = cumulate(this.operations.map((each) => each.weight))
    for (const each of this.operations) {
      const first = each.resources[0] ?? (each.name === null ? undefined : (each.subject ?? undefined))
      if (first !== undefined && each.shape !== 'list')
        this.#about.set(first, [...(this.#about.get(first) ?? []), each])
    }
  }

  any(caller: Caller): Operation {
    return this.operations[weightedIndex(caller.random, this.#cumulative)]!
  }

  about(resource: Resource, caller: Caller): Operation | null {
    const found = this.#about.get(resource)
    return found === undefined ? null : caller.random.pick(found)
  }
}

export interface Pace {
  readonly calls: number
  /** Between two calls, on average. */
  readonly seconds: number
  /** How often what was just listed or shown is looked at next. */
  readonly follow: number
}

/** Lists, then looks at some of what was listed, now and then at what belongs to it: how most clients read an API. */
export function* browse(caller: Caller, menu: Menu, { calls, seconds, follow }: Pace): Script {
  const { random } = caller
  let resource: Resource | null = null
  let number = 0
  for (let i = 0; i < calls; i++) {
    const next: Operation | null = resource !== null && random.chance(follow) ? menu.about(resource, caller) : null
    const operation: Operation = next ?? menu.any(caller)
    if (caller.expires > 0 && caller.now > caller.expires && caller.authorization !== null) {
      // Half the clients look at the clock, the others are told.
      if (random.chance(0.5)) {
        caller.call(operation, { ...aboutObjects(caller, operation, resource, number), status: 401 })
        yield think(random, 0.05)
      }
      if (caller.refresh !== null) yield* refreshToken(caller)
      else return
    }
    const call: Call = aboutObjects(caller, operation, resource, number)
    caller.call(operation, call)
    const { subject } = operation
    if (operation.shape === 'list' && subject !== null && call.listed !== undefined && call.listed.length > 0) {
      resource = subject
      number = random.pick(call.listed)
    } else if (call.objects !== undefined && call.objects.length > 0 && call.status !== 404) {
      resource = operation.resources[0] ?? subject
      number = call.objects[0]!
    }
    yield think(random, seconds)
  }
}

/** A call of the operation about an object the caller just saw, or another that they may read. */
export function aboutObjects(caller: Caller, operation: Operation, resource: Resource | null, number: number): Call {
  const { random } = caller
  const { resources, subject, shape, name } = operation
  const parts = name !== null && subject !== null && shape !== 'list' ? [subject] : resources
  const objects = parts.map((each, i) => (i === 0 && each === resource ? number : caller.reachable(each)))
  // A stale link: the object is gone.
  if (objects.length > 0 && shape === 'item' && random.chance(0.004)) {
    const last = parts.length - 1
    objects[last] = parts[last]!.count + random.between(1, 500)
    return { objects, status: 404 }
  }
  if (shape === 'create' && subject !== null && subject.visibility === 'own') subject.add()
  if (shape !== 'list' || subject === null) return { objects }
  const page = random.chance(0.75) ? 1 : random.between(2, 6)
  const count = Math.min(60, 2 + 3 * heavyCount(random, 20))
  const listed = Array.from({ length: count }, () => caller.reachable(subject))
  const searched = operation.template.includes('search') || operation.template.includes('suggest')
  const query =
    name !== null ? '' : searched ? `q=${phrase(random.between(0, 999)).replaceAll(' ', '+')}` : `page=${page}&limit=20`
  return { objects, listed, page, query }
}
