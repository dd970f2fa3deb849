import { join } from 'node:path'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { ENDPOINT_DEFAULTS, EndpointMapper } from '../../daemon/endpoints/mapper.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { IDENTITY_DEFAULTS, Recorder } from '../../daemon/identity/recorder.ts'
import { Resolver } from '../../daemon/identity/resolver.ts'
import { Inventory } from '../../daemon/inventory/inventory.ts'
import { compareRoutes, type RouteJson, routeJson } from '../../daemon/inventory/views.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { replay } from '../../daemon/topology/replay.ts'
import { type FakeRequest, fakeExchange, fakeTelemetry } from '../fake-exchange.ts'

const DEMO = join(import.meta.dirname, '..', '..', 'demo')
export const DAY = join(DEMO, 'day.jsonl.gz')
export const SCENE = join(DEMO, 'scene.pcap.gz')

/** Whatever is to see the transactions of these files: an inventory, or who counts. */
export type Learner = Pick<Inventory, 'observe' | 'rename'>

export async function learnFrom<Each extends Learner>(files: readonly string[], learner: Each): Promise<Each> {
  await replay({
    files,
    emit: 'none',
    bodies: 'text',
    config: effectiveConfig(CONFIG_SCHEMA, null, {}).config,
    key: TEST_KEY,
    speed: 'max',
    write: () => undefined,
    warn: (message) => {
      throw new Error(message)
    },
    inventory: learner as unknown as Inventory,
    stop: new AbortController().signal,
  })
  return learner
}

export function routesOf(inventory: Inventory): RouteJson[] {
  return inventory.state().operations.map(routeJson).sort(compareRoutes)
}

/** An inventory behind the real recorder, resolver and mapper; `send` gives it one exchange made by hand. */
export function handMade(inventory = new Inventory()) {
  const telemetry = fakeTelemetry()
  const mapper = new EndpointMapper(ENDPOINT_DEFAULTS, telemetry)
  mapper.onRenamed = (service, from, to) => inventory.rename(service, from, to)
  const resolver = new Resolver()
  const recorder = new Recorder({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: true,
    telemetry,
    emit: (tx: Transaction) => {
      resolver.resolve(tx)
      mapper.map(tx)
      inventory.observe(tx)
    },
  })
  const send = (fake: FakeRequest): void =>
    recorder.exchange(fakeExchange({ ...fake, headers: [['Host', 'api.shop.test'], ...(fake.headers ?? [])] }))
  return { inventory, send }
}
