import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { DescribedApi } from '../inventory/described-api.ts'
import { type DescribedRoute, Documented } from '../inventory/descriptions.ts'
import { type InventoryState, readSnapshot } from '../inventory/snapshot.ts'
import { type ClientJson, clientJson, compareClients, compareRoutes, routeJson } from '../inventory/views.ts'
import type { InventoryFilter } from './operations.ts'
import { takingTurns } from './turns.ts'

export const MOST_ROUTES = 5000
const DEFAULT_ROUTES = 1000

export function inventoryPath(stateFolder: string): string {
  return join(stateFolder, 'state', 'inventory')
}

/** What the daemon kept last, at most 30 s ago; null when it kept nothing, or another version did. Read without holding the event loop. */
export async function readInventory(stateFolder: string): Promise<InventoryState | null> {
  const file = await open(inventoryPath(stateFolder)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (file === null) return null
  const input = file.createReadStream({ encoding: 'utf8' })
  try {
    return await readSnapshot(createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }), takingTurns())
  } finally {
    input.destroy()
    await file.close().catch(() => undefined)
  }
}

/** By service, path and method, each with whether one of `described` has it. */
export async function selectRoutes(
  state: InventoryState | null,
  filter: InventoryFilter,
  described: readonly DescribedApi[] = [],
): Promise<DescribedRoute[]> {
  const turn = takingTurns()
  const documented = new Documented(described, new Set(state?.operations.map(({ service }) => service)))
  const routes: DescribedRoute[] = []
  for (const operation of state?.operations ?? []) {
    if (filter.service !== undefined && operation.service !== filter.service) continue
    routes.push({ ...routeJson(operation), documented: documented.of(operation) })
    await turn()
  }
  return routes.sort(compareRoutes).slice(0, filter.limit ?? DEFAULT_ROUTES)
}

/** Busiest first. */
export async function selectClients(state: InventoryState | null, limit = DEFAULT_ROUTES): Promise<ClientJson[]> {
  const turn = takingTurns()
  const clients: ClientJson[] = []
  for (const client of state?.clients ?? []) {
    clients.push(clientJson(client))
    await turn()
  }
  return clients.sort(compareClients).slice(0, limit)
}
