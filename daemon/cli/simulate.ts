import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Wanted } from '../../world/plan.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'

export interface SimulateOptions {
  readonly seed: string
  readonly days: number
  readonly rate: number
  readonly users: number
  readonly attack: readonly string[]
  readonly most?: number
  readonly out?: string
  readonly truth?: string
  readonly target?: string
  readonly allowTarget?: string
  readonly list?: boolean
}

const MAX_USERS = 200_000
const MAX_RATE = 100_000
const MAX_DAYS = 60
/** Requests a second that a real server gets at most. */
const MAX_LIVE_RATE = 200

export function addSimulate(program: Command, context: CliContext): void {
  program
    .command('simulate')
    .description('make labelled traffic of a made-up company: records, packets, or requests to a server of yours')
    .option('--seed <text>', 'the same seed makes the same traffic', '1')
    .option('--days <n>', 'of event time, from a Monday at midnight', number('days', MAX_DAYS), 0.05)
    .option('--rate <n>', 'requests a second, averaged over a week', number('rate', MAX_RATE), 20)
    .option('--users <n>', 'people with an account', number('users', MAX_USERS), 4000)
    .option('--most <n>', 'end after so many requests', number('requests', Number.MAX_SAFE_INTEGER))
    .option('--attack <name>', 'put one in, as NAME or NAME:blatant|moderate|stealthy; again for more', gather, [])
    .option('--list', 'print what --attack knows')
    .addOption(
      new Option('--out <file>', '.jsonl or .pcap; without it, records go to standard output').conflicts('target'),
    )
    .option('--truth <file>', 'who did each request and what it was, as JSON Lines')
    .option('--target <url>', 'send the requests to this server, marked and no faster than --rate')
    .option('--allow-target <host>', 'the name of a staging server of yours, when --target is not this machine')
    .addHelpText(
      'after',
      `
Examples:
  $ offpath simulate --days 1 --out day.jsonl --truth day.truth.jsonl --attack auth.bruteforce:moderate
  $ offpath simulate --most 50000 --out mix.pcap && offpath replay mix.pcap
  $ offpath simulate --target http://127.0.0.1:8080 --rate 20 --days 0.01
  $ offpath simulate --list`,
    )
    .action(async (options: SimulateOptions) => {
      const { ATTACKS, attackNamed } = await import('../../world/attacks/registry.ts')
      const { INTENSITIES } = await import('../../world/attacks/attack.ts')
      if (options.list === true) {
        const width = Math.max(...ATTACKS.map(({ name }) => name.length))
        for (const { name, summary } of ATTACKS) context.stdout.write(`${name.padEnd(width)}  ${summary}\n`)
        return
      }
      const wanted: Wanted[] = options.attack.map((text) => {
        const [name = '', intensity = 'moderate'] = text.split(':')
        const attack = attackNamed(name)
        if (attack === undefined) throw usageError(`there is no attack ${name}`, 'offpath simulate --list')
        const known = INTENSITIES.find((each) => each === intensity)
        if (known === undefined) throw usageError(`${intensity} is none of ${INTENSITIES.join(', ')}`)
        return { attack, intensity: known }
      })
      checkTarget(options)
      const { simulate } = await import('./simulate-run.ts')
      await simulate(options, wanted, context)
    })
}

/** A program that sends attacks by the thousand goes nowhere but where it was told, twice. */
function checkTarget({ target, allowTarget, rate }: SimulateOptions): void {
  if (target === undefined) return
  const url = URL.canParse(target) ? new URL(target) : null
  if (url === null || url.protocol !== 'http:') throw usageError(`--target ${target} is no http:// address`)
  const here = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  if (!here && url.hostname !== allowTarget) {
    throw usageError(
      `${url.hostname} is not this machine`,
      `If it is a staging server of yours: --allow-target ${url.hostname}`,
    )
  }
  if (rate > MAX_LIVE_RATE) throw usageError(`--target takes at most --rate ${MAX_LIVE_RATE}`)
}

function gather(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}

function number(what: string, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!(value > 0) || value > most)
      throw new InvalidArgumentError(`expected a number of ${what} above 0, at most ${most}.`)
    return value
  }
}
