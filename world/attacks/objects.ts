import { MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Caller } from '../caller.ts'
import { operationOf } from '../estate/estate.ts'
import type { Operation, Resource } from '../estate/operation.ts'
import type { Script } from '../visits/script.ts'
import type { World } from '../world.ts'
import { defineAttack, type Part } from './attack.ts'
import { alone, insider, loggedIn, withToken } from './crew.ts'
import { jitter } from './guessing.ts'

/** Reading objects of others by their ids. */

interface Reach {
  readonly objects: number
  readonly everyUs: number
  /** How often the service hands them out; else it refuses, or knows no such object. */
  readonly granted: number
}

function target(world: World, template: string): { operation: Operation; resource: Resource } {
  const { services } = world.estate
  const operation = operationOf(services.shop, template)
  return { operation, resource: operation.resources[0]! }
}

function readAll(caller: Caller, operation: Operation, numbers: Iterable<number>, { everyUs, granted }: Reach): Script {
  return withToken(
    caller,
    (function* (): Script {
      for (const number of numbers) {
        const missing = number >= operation.resources[0]!.count
        caller.call(operation, {
          objects: [number, ...operation.resources.slice(1).map((each) => caller.reachable(each))],
          status: missing ? 404 : caller.random.chance(granted) ? 200 : 403,
        })
        yield jitter(caller, everyUs)
      }
    })(),
  )
}

export const sequentialIds = defineAttack<Reach>({
  name: 'object.enumeration',
  detector: 'object.enumeration',
  summary: 'order numbers counted upwards by a customer',
  intensities: {
    blatant: { objects: 900, everyUs: 0.2 * SECOND_US, granted: 1 },
    moderate: { objects: 300, everyUs: 2 * SECOND_US, granted: 0.6 },
    stealthy: { objects: 120, everyUs: 40 * SECOND_US, granted: 1 },
  },
  begin: (world, reach, label) => {
    const { operation, resource } = target(world, 'GET /v1/orders/{order}')
    const caller = insider(world, label)
    const first = caller.random.between(0, resource.count - reach.objects)
    const numbers = Array.from({ length: reach.objects }, (_, i) => first + i)
    return alone(caller, readAll(caller, operation, numbers, reach))
  },
})

export const randomIds = defineAttack<Reach>({
  name: 'object.enumeration.random',
  detector: 'object.enumeration',
  summary: 'order numbers drawn at random in a wide range, many of which do not exist',
  intensities: {
    blatant: { objects: 900, everyUs: 0.2 * SECOND_US, granted: 0.9 },
    moderate: { objects: 300, everyUs: 2 * SECOND_US, granted: 0.5 },
    stealthy: { objects: 120, everyUs: 40 * SECOND_US, granted: 0.9 },
  },
  begin: (world, reach, label) => {
    const { operation, resource } = target(world, 'GET /v1/orders/{order}')
    const caller = insider(world, label)
    const numbers = Array.from({ length: reach.objects }, () => caller.random.between(0, 2 * resource.count))
    return alone(caller, readAll(caller, operation, numbers, reach))
  },
})

export const slowIds = defineAttack<Reach>({
  name: 'object.enumeration.slow',
  detector: 'object.enumeration',
  summary: 'a few foreign objects an hour, for as long as it takes',
  intensities: {
    blatant: { objects: 160, everyUs: 2 * MINUTE_US, granted: 1 },
    moderate: { objects: 100, everyUs: 6 * MINUTE_US, granted: 1 },
    stealthy: { objects: 60, everyUs: 15 * MINUTE_US, granted: 1 },
  },
  begin: (world, reach, label) => {
    const { operation, resource } = target(world, 'GET /v2/orders/{order2}')
    const caller = insider(world, label)
    const numbers = Array.from({ length: reach.objects }, () => caller.random.between(0, resource.count - 1))
    return alone(caller, renewed(caller, operation, numbers, reach))
  },
})

/** As `readAll`, with a new token when the old one ends. */
function* renewed(caller: Caller, operation: Operation, numbers: readonly number[], reach: Reach): Script {
  for (const number of numbers) yield* readAll(caller, operation, [number], reach)
}

export const leakedUuids = defineAttack<Reach>({
  name: 'object.enumeration.uuids',
  detector: 'object.enumeration',
  summary: 'files of others by uuids that leaked elsewhere: nothing to count, all of them exist',
  intensities: {
    blatant: { objects: 600, everyUs: 0.3 * SECOND_US, granted: 1 },
    moderate: { objects: 200, everyUs: 4 * SECOND_US, granted: 1 },
    stealthy: { objects: 80, everyUs: 60 * SECOND_US, granted: 1 },
  },
  begin: (world, reach, label) => {
    const operation = operationOf(world.estate.services.files, 'GET /files/{file}')
    const caller = insider(world, label)
    const files = operation.resources[0]!
    const numbers = Array.from({ length: reach.objects }, () => caller.random.between(0, files.count - 1))
    return alone(caller, readAll(caller, operation, numbers, reach))
  },
})

export const foreignObject = defineAttack<{ readonly objects: number; readonly afterUs: number }>({
  name: 'object.ownership',
  detector: 'object.ownership',
  summary:
    'a customer who has seen what invoices of their own look like reads a single one of somebody else, and gets it',
  intensities: {
    blatant: { objects: 5, afterUs: 20 * SECOND_US },
    moderate: { objects: 2, afterUs: 5 * MINUTE_US },
    stealthy: { objects: 1, afterUs: 45 * MINUTE_US },
  },
  begin: (world, { objects, afterUs }, label) => {
    const { operation, resource } = target(world, 'GET /v1/invoices/{invoice}')
    const list = operationOf(world.estate.services.shop, 'GET /v1/invoices')
    const caller = insider(world, label)
    const numbers = Array.from({ length: objects }, () => foreign(caller, resource))
    const reach = { objects, everyUs: 20 * SECOND_US, granted: 1 }
    return alone(
      caller,
      (function* (): Script {
        yield* withToken(caller, ownInvoices(caller, list, operation))
        yield jitter(caller, afterUs)
        yield* readAll(caller, operation, numbers, reach)
      })(),
    )
  },
})

/** What leads to an id that can be changed: the caller's own, in the list of the app and alone. */
function* ownInvoices(caller: Caller, list: Operation, item: Operation): Script {
  const listed = [1, 2].map(() => caller.reachable(list.subject!))
  caller.call(list, { listed, page: 1, query: 'page=1&limit=20' })
  yield jitter(caller, 8 * SECOND_US)
  caller.call(item, { objects: [listed[0]!] })
}

function foreign(caller: Caller, resource: Resource): number {
  const { users } = caller.world
  for (;;) {
    const number = caller.random.between(0, resource.count - 1)
    if (resource.ownerOf(number, users) !== caller.actor.number) return number
  }
}

/** Twin of enumeration: the first sync of an app, which reads all there is of its own. */
export const firstSync = defineAttack<{ readonly rounds: number; readonly everyUs: number }>({
  name: 'twin.first_sync',
  detector: null,
  summary: 'an app on a new phone reads everything its owner has, as fast as it can',
  intensities: {
    blatant: { rounds: 40, everyUs: 0.1 * SECOND_US },
    moderate: { rounds: 20, everyUs: 0.4 * SECOND_US },
    stealthy: { rounds: 10, everyUs: SECOND_US },
  },
  begin: (world, { rounds, everyUs }, label) => {
    const caller = insider(world, label)
    const { shop, files } = world.estate.services
    const templates = ['GET /v1/orders/{order}', 'GET /v2/orders/{order2}', 'GET /v1/invoices/{invoice}'] as const
    const operations = [...templates.map((each) => operationOf(shop, each)), operationOf(files, 'GET /files/{file}')]
    return alone(
      caller,
      withToken(
        caller,
        (function* (): Script {
          for (let round = 0; round < rounds; round++) {
            for (const operation of operations) {
              caller.call(operation, { objects: [caller.reachable(operation.resources[0]!)] })
              yield jitter(caller, everyUs)
            }
          }
        })(),
      ),
    )
  },
})

/** Trap: one object that everybody looks at. */
export const viralObject = defineAttack<{ readonly people: number; readonly overUs: number }>({
  name: 'twin.viral_object',
  detector: null,
  summary: 'a shared wishlist that goes round: thousands read one object that is not theirs',
  intensities: {
    blatant: { people: 2500, overUs: 30 * MINUTE_US },
    moderate: { people: 1000, overUs: 90 * MINUTE_US },
    stealthy: { people: 300, overUs: 240 * MINUTE_US },
  },
  begin: (world, { people, overUs }, label) => {
    const { operation, resource } = target(world, 'GET /v1/wishlists/{wishlist}')
    const number = world.random.between(0, resource.count - 1)
    return Array.from({ length: people }, (): Part => {
      const caller = insider(world, label)
      const reach = { objects: 1, everyUs: 0, granted: 1 }
      return { caller, script: readAll(caller, operation, [number], reach), delayUs: world.random.next() * overUs }
    })
  },
})

/** Trap: somebody of the staff who goes through hundreds of customers in a row. */
export const adminCleanUp = defineAttack<{ readonly objects: number; readonly everyUs: number }>({
  name: 'twin.admin_clean_up',
  detector: null,
  summary: 'staff go through customers by number, look, add a note, and end sessions',
  intensities: {
    blatant: { objects: 600, everyUs: 2 * SECOND_US },
    moderate: { objects: 250, everyUs: 5 * SECOND_US },
    stealthy: { objects: 80, everyUs: 20 * SECOND_US },
  },
  begin: (world, { objects, everyUs }, label) => {
    const caller = loggedIn(world, world.random.pick(world.population.staff), label)
    const { admin } = world.estate.services
    const show = operationOf(admin, 'GET /internal/customers/{customer}')
    const note = operationOf(admin, 'POST /internal/customers/{customer}/notes')
    const first = caller.random.between(0, show.resources[0]!.count - objects)
    return alone(
      caller,
      withToken(
        caller,
        (function* (): Script {
          for (let i = 0; i < objects; i++) {
            caller.call(show, { objects: [first + i] })
            yield jitter(caller, everyUs)
            if (!caller.random.chance(0.2)) continue
            caller.call(note, { objects: [first + i] })
            yield jitter(caller, everyUs)
          }
        })(),
      ),
    )
  },
})
