import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { serveStore } from '../../daemon/topology/store-serve.ts'
import { BatchRefused, StoreDown } from '../../sinks/store/inserter.ts'

/**
 * The store process with a file for a database: one line for each row, one token once. Faults come from files in the data
 * folder: `down` while it is there, `die-PHASE` once.
 */
serveStore({
  inserter(options) {
    const folder = options.kind === 'embedded' ? options.folder : ''
    const path = (name: string) => join(folder, '..', name)
    const read = (name: string) => (existsSync(path(name)) ? readFileSync(path(name), 'utf8') : '')
    return {
      where: 'a file',
      async open() {
        if (existsSync(path('unfit'))) throw new OffpathError('OFFPATH_E_MIGRATION', 'too new', { remedy: 'Upgrade.' })
        return { schemaVersion: 1 }
      },
      async insert(batch) {
        if (existsSync(path('down'))) throw new StoreDown('down')
        const bytes = Buffer.from(batch.bytes).toString()
        if (bytes.startsWith('bad')) throw new BatchRefused('bad')
        if (read('tokens').includes(`${batch.token}\n`)) return
        appendFileSync(path('tokens'), `${batch.token}\n`)
        appendFileSync(path('rows'), bytes)
      },
      async knownIds() {
        return new Set()
      },
      async query({ sql }) {
        if (sql === 'die') process.kill(process.pid, 'SIGKILL')
        throw new OffpathError('OFFPATH_E_QUERY', 'refused', { remedy: 'Ask otherwise.' })
      },
      async close() {},
    }
  },
  onPhase(phase) {
    const fault = process.env.OFFPATH_TEST_DIE ?? ''
    const [when, once] = fault.split(' ')
    if (when !== phase || existsSync(once!)) return
    writeFileSync(once!, '')
    process.kill(process.pid, 'SIGKILL')
  },
})
