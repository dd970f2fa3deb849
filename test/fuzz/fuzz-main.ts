import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { fuzzInput } from './fuzz-input.ts'
import { TARGETS, targetNamed } from './targets/registry.ts'
import type { FuzzTarget } from './targets/target.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    target: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    replay: { type: 'string' },
    finds: { type: 'string', default: '.cache/fuzz-finds' },
    'hang-ms': { type: 'string', default: '5000' },
    'budget-mb': { type: 'string', default: '1000' },
    worker: { type: 'string', default: '' },
  },
})
const WATCH_MS = 200
const MOST_FINDS = 5
const seed = Number(values.seed)
const hangMs = Number(values['hang-ms'])
const budgetBytes = Number(values['budget-mb']) * 1024 * 1024

const chosen = values.target === undefined ? TARGETS : values.target.split(',').map(named)
if (values.replay !== undefined) await replay(chosen[0]!, values.replay)
else {
  let finds = 0
  for (const target of chosen) finds += await fuzz(target, Number(values.seconds))
  process.exitCode = finds > 0 ? 1 : 0
}

function named(name: string): FuzzTarget {
  const target = targetNamed(name)
  if (target !== undefined) return target
  process.stderr.write(`there is no target ${name}; targets: ${TARGETS.map((one) => one.name).join(', ')}\n`)
  process.exit(2)
}

/** Throws as the find did. */
async function replay(target: FuzzTarget, file: string): Promise<void> {
  await target.run(readFileSync(file))
  process.stdout.write(`${target.name}: ${file} is harmless\n`)
}

/** Runs one target for so long; a worker that stands still is ended and another goes on behind the input it stood at. */
async function fuzz(target: FuzzTarget, seconds: number): Promise<number> {
  const corpus = target.corpus()
  const until = performance.now() + seconds * 1000
  let finds = 0
  let from = 0
  let peakBytes = 0
  const failures = new Map<string, number>()
  const find = (index: number, why: string): void => {
    finds++
    const folder = join(values.finds, target.name)
    mkdirSync(folder, { recursive: true })
    const file = join(folder, `${seed}-${index}`)
    writeFileSync(file, fuzzInput(target, corpus, seed, index))
    process.stderr.write(`${target.name}: ${why}\n  node scripts/fuzz.mjs --target ${target.name} --replay ${file}\n`)
  }
  while (performance.now() < until && finds < MOST_FINDS) {
    const progress = new Int32Array(new SharedArrayBuffer(8))
    progress[0] = from
    const worker = new Worker(values.worker, { workerData: { target: target.name, seed, from, progress } })
    let ended = false
    worker.on('message', (message: { index?: number; error?: string }) => {
      if (message.index === undefined) return
      // Of those that fail at the same place, one is enough.
      const place = message.error!.split('\n').slice(0, 3).join('\n')
      failures.set(place, (failures.get(place) ?? 0) + 1)
      if (failures.get(place) === 1) find(message.index, message.error!)
    })
    worker.on('error', (error) => find(Atomics.load(progress, 0), `the thread ended: ${error.stack ?? error}`))
    worker.on('exit', () => {
      ended = true
    })
    let at = -1
    let since = performance.now()
    while (!ended) {
      await sleep(WATCH_MS)
      const now = performance.now()
      const index = Atomics.load(progress, 0)
      if (index !== at) since = now
      at = index
      const rss = process.memoryUsage.rss()
      peakBytes = Math.max(peakBytes, rss)
      if (now >= until || finds >= MOST_FINDS) Atomics.store(progress, 1, 1)
      if (rss > budgetBytes) {
        find(
          at,
          `${(rss / 1024 / 1024).toFixed(0)} MB of memory, ${values['budget-mb']} allowed, at the latest by this input`,
        )
        await worker.terminate()
      } else if (now - since > hangMs && at >= 0) {
        find(at, `no end after ${hangMs} ms`)
        await worker.terminate()
      }
    }
    from = Atomics.load(progress, 0) + 1
  }
  process.stdout.write(
    `${target.name.padEnd(16)}${String(from).padStart(10)} inputs${String(corpus.length).padStart(6)} seeds  peak ${(peakBytes / 1024 / 1024).toFixed(0)} MB  finds ${finds}  seed ${seed}\n`,
  )
  return finds
}
