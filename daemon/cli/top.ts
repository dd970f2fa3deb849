import type { Command } from 'commander'
import type { Operations } from '../api/operations.ts'
import { asking, type Connect, configOption, connectByConfig } from './connection.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'
import { Screen } from './screen.ts'
import { renderTop, type TopFrame } from './top-view.ts'

const INTERVAL_MS = 1000
const MOST_RATES = 120
const MOST_INCIDENTS = 100

export function addTop(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  program
    .command('top')
    .description('watch the daemon: traffic, losses and incidents, once a second')
    .addOption(configOption())
    .addHelpText('after', '\nKeys: q quits, p pauses, ? explains.\n\nExample:\n  $ offpath top\n')
    .action(async (options: { config?: string }) => {
      if (context.stdout.isTTY !== true || context.stdin.isTTY !== true) {
        throw usageError('top needs a terminal', 'offpath status says the same once, also to a pipe')
      }
      await asking(connect(options, 'refused'), (offpath) => runTop(offpath, context))
    })
}

/** Until a key or a signal ends it. A daemon that does not answer at the start is an error; one that goes away is said. */
export async function runTop(offpath: Operations, context: CliContext, intervalMs = INTERVAL_MS): Promise<void> {
  const first = await ask(offpath)
  const screen = new Screen(context.stdout)
  const view = new TopView(first, screen, context)
  const ended = new AbortController()
  const stop = AbortSignal.any([context.stop.signal, ended.signal])
  const leave = () => screen.leave()
  // Whatever ends the process, the terminal is as it was before.
  process.once('exit', leave)
  const { stdin, stdout } = context
  const onKey = (key: Buffer | string) => {
    if (view.key(String(key))) ended.abort()
  }
  const onResize = () => view.resized()
  try {
    stdin.setRawMode(true)
    stdin.on('data', onKey)
    stdin.on('end', () => ended.abort())
    stdin.resume()
    stdout.on('resize', onResize)
    screen.enter()
    view.draw()
    while (await pause(intervalMs, stop)) {
      await ask(offpath).then(
        (news) => view.take(news),
        (error: Error) => view.missed(error),
      )
      if (!stop.aborted) view.draw()
    }
  } finally {
    stdout.off('resize', onResize)
    stdin.off('data', onKey)
    stdin.pause()
    stdin.setRawMode(false)
    leave()
    process.off('exit', leave)
  }
}

type News = Pick<TopFrame, 'status' | 'incidents'>

async function ask(offpath: Operations): Promise<News> {
  const [status, incidents] = await Promise.all([offpath.status(), offpath.incidents({ limit: MOST_INCIDENTS })])
  return { status, incidents }
}

/** What is shown, and what keys do to it. */
class TopView {
  #frame: TopFrame
  readonly #screen: Screen
  readonly #context: CliContext

  constructor(news: News, screen: Screen, context: CliContext) {
    this.#frame = { ...news, rates: [news.status.pairs_per_second], paused: false, help: false, stale: null }
    this.#screen = screen
    this.#context = context
  }

  /** Whether that was the end. */
  key(key: string): boolean {
    // In raw mode Ctrl-C and Ctrl-D are characters.
    if (key === 'q' || key === 'Q' || key === '\x03' || key === '\x04') return true
    if (key === 'p') this.#frame = { ...this.#frame, paused: !this.#frame.paused }
    else if (key === '?') this.#frame = { ...this.#frame, help: !this.#frame.help }
    else return false
    this.draw()
    return false
  }

  take(news: News): void {
    if (this.#frame.paused) return
    const rates = [...this.#frame.rates, news.status.pairs_per_second].slice(-MOST_RATES)
    this.#frame = { ...this.#frame, ...news, rates, stale: null }
  }

  missed(error: Error): void {
    this.#frame = { ...this.#frame, stale: error.message }
  }

  resized(): void {
    this.#screen.resized()
    this.draw()
  }

  draw(): void {
    const { stdout, colour } = this.#context
    // A terminal that does not know its size says 0.
    const size = { columns: stdout.columns || 80, rows: stdout.rows || 24, colour }
    this.#screen.draw(renderTop(this.#frame, size, Date.now()))
  }
}

/** False when it was ended meanwhile. */
function pause(ms: number, stop: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (stop.aborted) return resolve(false)
    const onStop = () => {
      clearTimeout(timer)
      resolve(false)
    }
    const timer = setTimeout(() => {
      stop.removeEventListener('abort', onStop)
      resolve(true)
    }, ms)
    stop.addEventListener('abort', onStop, { once: true })
  })
}
