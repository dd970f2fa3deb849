import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { serveStore } from '../../daemon/topology/store-serve.ts'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import type { Inserter } from '../../sinks/store/inserter.ts'

/**
 * The store process with an end in it. OFFPATH_KILL is JSON: strike at the `nth` time that `phase` is reached, `afterMs`
 * later, this process, control or both, once in a run (`struck` is a file that says it has happened). Every phase is
 * logged to `log` as it begins, so that the last line says where a kill from outside fell.
 */
interface Fault {
  readonly phase: string
  readonly nth: number
  readonly afterMs: number
  readonly who: 'store' | 'control' | 'all'
  readonly struck: string
  readonly log: string
}

const fault = JSON.parse(process.env.OFFPATH_KILL ?? 'null') as Fault | null
let seen = 0

function reached(phase: string): void {
  if (fault === null) return
  appendFileSync(fault.log, `${phase}\n`)
  if (phase !== fault.phase || existsSync(fault.struck) || ++seen !== fault.nth) return
  if (fault.afterMs === 0) strike(fault)
  else setTimeout(() => strike(fault), fault.afterMs)
}

function strike({ struck, who, phase }: Fault): void {
  writeFileSync(struck, phase)
  if (who !== 'store') process.kill(process.ppid, 'SIGKILL')
  if (who !== 'control') process.kill(process.pid, 'SIGKILL')
}

serveStore({
  onPhase: reached,
  inserter(options): Inserter {
    const store = new ClickHouseStore(options)
    return {
      where: store.where,
      open() {
        reached('open')
        return store.open()
      },
      async insert(batch) {
        // A repeat shows where something is counted: not in tables whose parts the engine merges to one row for each id.
        const telling = batch.table === 'transactions' || batch.table === 'capture_quality'
        if (telling) reached('insert')
        await store.insert(batch)
        if (telling) reached('inserted')
      },
      knownIds: (...args) => store.knownIds(...args),
      query: (query) => store.query(query),
      close: () => store.close(),
    }
  },
})
