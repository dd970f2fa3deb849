import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { inventoryPath, readInventory } from '../../daemon/api/inventory-file.ts'
import { Inventory } from '../../daemon/inventory/inventory.ts'
import { readSnapshot } from '../../daemon/inventory/snapshot.ts'
import { clientJson, compareClients } from '../../daemon/inventory/views.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'
import type { InventoryPart } from '../../daemon/topology/engine-protocol.ts'
import { InventoryFeed } from '../../daemon/topology/inventory-feed.ts'
import { SnapshotKeeper } from '../../daemon/topology/snapshot-keeper.ts'
import { handMade, learnFrom, routesOf, SCENE } from './learn.ts'

/** How far a topic is in it. */
const TOPICS = [{ group: 'g', topic: 't', partition: 0, reach: 12, open: [9] }]

const folder = mkdtempSync(join(tmpdir(), 'offpath-inventory-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function linesOf(inventory: Inventory): string[] {
  return [...inventory.snapshot()].map((line) => JSON.stringify(line))
}

test('an inventory that is kept and taken up again goes on as if it had never stopped', async () => {
  const whole = new Inventory()
  const cut = { current: new Inventory() }
  const transactions: Transaction[] = []
  await learnFrom([SCENE], { observe: (tx) => void transactions.push(tx), rename: () => undefined })
  for (const [at, tx] of transactions.entries()) {
    whole.observe(tx)
    cut.current.observe(tx)
    if (at % 401 !== 400) continue
    const next = new Inventory()
    next.restore((await readSnapshot(linesOf(cut.current)))!)
    cut.current = next
  }
  // Past 64 callers the running estimate is not restored to the last bit, and none of this scene comes to that many by one route.
  const plain = (inventory: Inventory) =>
    routesOf(inventory).map((route) => ({ ...route, callers: Math.round(route.callers / 20) }))
  expect(plain(cut.current)).toEqual(plain(whole))
  const clients = (inventory: Inventory) => inventory.state().clients.map(clientJson).sort(compareClients)
  expect(clients(cut.current)).toEqual(clients(whole))
  expect(cut.current.sizes()).toEqual(whole.sizes())
})

test('first_seen survives the restart, and the snapshot of another version is not half read', async () => {
  const { inventory, send } = handMade()
  send({ target: '/v1/orders/1', time: 1_795_000_000_000_000 })
  const [head, ...rest] = linesOf(inventory)
  const later = handMade(new Inventory())
  later.inventory.restore((await readSnapshot([head!, ...rest]))!)
  later.send({ target: '/v1/orders/2', time: 1_795_100_000_000_000 })
  expect(routesOf(later.inventory)[0]).toMatchObject({ requests: 2, first_seen: '2026-11-18T11:06:40.000000Z' })
  expect(await readSnapshot([head!.replace('"version":1', '"version":2'), ...rest])).toBeNull()
  expect(await readSnapshot(rest)).toBeNull()
  expect((await readSnapshot([head!, 'torn {', ...rest]))?.operations).toHaveLength(1)
  const covers = JSON.stringify({ kind: 'covers', topics: [...TOPICS, { group: 'g', topic: 't', partition: 'x' }] })
  expect((await readSnapshot([head!, ...rest, covers]))?.topics).toEqual(TOPICS)
})

test('control keeps whole snapshots only: one that breaks off leaves the last one in force', async () => {
  const state = join(folder, 'state')
  rmSync(state, { recursive: true, force: true })
  mkdirSync(state)
  const logged: string[] = []
  const logger = createLogger('info', { write: (line) => void logged.push(line) })
  const options = { path: inventoryPath(folder), what: 'inventory', maxBytes: 1e8, logger }
  const keeper = new SnapshotKeeper(options)
  expect(await keeper.load()).toBeNull()
  const { inventory, send } = handMade()
  send({ target: '/v1/orders/1' })
  const parts: InventoryPart[] = []
  const counters = new Counters()
  const feed = new InventoryFeed({
    inventory,
    counters,
    send: (part) => void parts.push(part),
    rows: () => null,
    described: () => [],
    covers: () => TOPICS,
    failed: expect.fail,
  })
  feed.finish()
  for (const part of parts) keeper.take(part)
  // The next one has no end: the engine was killed.
  keeper.take({ text: '{"kind":"inventory","version":1}\n', first: true, last: false })
  await keeper.close()
  expect(readdirSync(state)).toEqual(['inventory'])
  expect(statSync(inventoryPath(folder)).mode & 0o777).toBe(0o600)
  expect(await readInventory(folder)).toEqual({ ...inventory.state(), topics: TOPICS })
  const again = await new SnapshotKeeper(options).load()
  expect(again).toBe(readFileSync(inventoryPath(folder), 'utf8'))
  expect(logged).toEqual([])
})

test('a file that no reader can use is told and begun anew', async () => {
  writeFileSync(inventoryPath(folder), 'garbage\n')
  expect(await readInventory(folder)).toBeNull()
})

test('an inventory that throws is switched off alone, and said once', () => {
  const failures: unknown[] = []
  const broken = new Inventory()
  broken.observe = () => {
    throw new Error('bug')
  }
  const feed = new InventoryFeed({
    inventory: broken,
    counters: new Counters(),
    send: () => undefined,
    rows: () => null,
    described: () => [],
    covers: () => [],
    failed: (error) => void failures.push(error),
  })
  for (let i = 0; i < 3; i++) feed.observe({} as Transaction)
  expect(failures).toHaveLength(1)
})
