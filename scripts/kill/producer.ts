import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { startStoreProcess } from '../../daemon/topology/store-process.ts'
import { seeded } from './random.ts'
import { idsOf, TABLES } from './rows.ts'

/**
 * Stands for control: seals batches and writes down each one that was acknowledged, in a ledger that is synced before the
 * next word is said. First it reads the last transactions again, acknowledged or not, as after a restart over a file.
 *
 * Arguments: JSON {options, ledger, firstBatch, batches, seed, reread: [[batch, rows]…]}.
 */
const order = JSON.parse(process.argv[2]!)
const random = seeded(order.seed)
const quiet = () => undefined
const store = await startStoreProcess({ ...order.options, logger: { info: quiet, warn: quiet, error: quiet } })
const ledger = openSync(order.ledger, 'a')

function note(line: string): void {
  writeSync(ledger, `${line}\n`)
  fsyncSync(ledger)
}

const pick = TABLES.flatMap((table) => Array.from({ length: table.share }, () => table))
const transactions = TABLES[0]!

async function again(batch: number, rows: number): Promise<void> {
  await store.seal({ ...transactions.make(batch, rows), rereadIds: idsOf(batch, rows) })
  note(`sealed transactions ${batch} ${rows}`)
}

async function fresh(batch: number): Promise<void> {
  const table = pick[Math.floor(random() * pick.length)]!
  const made = table.make(batch, 1 + Math.floor(random() ** 2 * 2000))
  note(`tried ${table.table} ${batch} ${made.rows}`)
  await store.seal(made)
  note(`sealed ${table.table} ${batch} ${made.rows}`)
}

const reading = (async () => {
  for (const [batch, rows] of order.reread) await again(batch, rows)
})()
const lanes = Array.from({ length: 3 }, async (_, lane) => {
  for (let batch = lane; batch < order.batches; batch += 3) {
    await fresh(order.firstBatch + batch)
    if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 20))
  }
})
process.send?.('ready')
await Promise.all([reading, ...lanes])
await store.close(20_000)
const { counters } = await store.status()
process.send?.({ counters })
closeSync(ledger)
process.disconnect?.()
