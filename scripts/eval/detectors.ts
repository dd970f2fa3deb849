import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { classesNamed } from './detectors-plan.ts'
import { tableOf } from './detectors-report.ts'
import { evaluate, playWorld, type RunSettings } from './detectors-run.ts'
import type { WorldResult } from './detectors-score.ts'

/** One of each class and intensity in a world: three days of some 400,000 requests. */
const FULL = { requests: 40_000_000, attacks: 100, days: 3, users: 6000 }
const MEDIUM = { requests: 1_600_000, attacks: 4, days: 3, users: 6000 }
const SHORT = { requests: 160_000, attacks: 1, days: 2, users: 2000 }

/** Asks a child process for one world, and for no more: its memory goes with it. */
async function playApart(settings: RunSettings, world: number): Promise<WorldResult> {
  const child = fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const result = once(child, 'message') as Promise<[WorldResult]>
  child.send({ settings, world })
  const exit = once(child, 'exit').then(([code]) => {
    throw new Error(`world ${world} ended with code ${code}`)
  })
  const [told] = await Promise.race([result, exit])
  exit.catch(() => {})
  return told
}

function answerParent(): void {
  process.once('message', ({ settings, world }: { settings: RunSettings; world: number }) => {
    void playWorld(settings, world).then((result) => process.send!(result, () => process.disconnect()))
  })
}

function namesIn(list: string): string[] {
  return list.split(',').filter((name) => name !== '')
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: randomBytes(4).toString('hex') },
      requests: { type: 'string' },
      attacks: { type: 'string' },
      worlds: { type: 'string' },
      world: { type: 'string', default: '' },
      days: { type: 'string' },
      users: { type: 'string' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      classes: { type: 'string', default: '' },
      only: { type: 'string', default: '' },
      medium: { type: 'boolean', default: false },
      short: { type: 'boolean', default: false },
      output: { type: 'string', short: 'o', default: 'table' },
    },
  })
  const preset = values.short ? SHORT : values.medium ? MEDIUM : FULL
  const attacks = Number(values.attacks ?? preset.attacks)
  const settings: RunSettings = {
    seed: values.seed,
    requests: Number(values.requests ?? preset.requests),
    attacks,
    worlds: Number(values.worlds ?? attacks),
    days: Number(values.days ?? preset.days),
    users: Number(values.users ?? preset.users),
    classes: namesIn(values.classes),
    only: namesIn(values.only),
  }
  try {
    classesNamed(settings.classes)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 2
    return
  }
  const progress = (text: string) => process.stderr.write(`${text}\n`)
  const report = await evaluate(settings, {
    player: playApart,
    jobs: Number(values.jobs),
    progress,
    ...(values.world === '' ? {} : { chosen: namesIn(values.world).map(Number) }),
  })
  if (values.output === 'json') process.stdout.write(`${JSON.stringify({ seed: values.seed, ...report }, null, 2)}\n`)
  else process.stdout.write(`seed ${values.seed}: ${tableOf(report)}\n`)
  process.exitCode = report.gates.every(({ passed }) => passed) ? 0 : 1
}

if (process.send === undefined) await main()
else answerParent()
