import { type Command, InvalidArgumentError } from 'commander'
import type { CliContext } from './context.ts'
import { offpathVersion } from './version.ts'

interface DemoOptions {
  readonly seed: number
  readonly port: number
  readonly rename?: Record<string, string>
  readonly recorded?: boolean
}

export function addDemo(program: Command, context: CliContext): void {
  program
    .command('demo')
    .description('attack a sample API on the loopback and find the attacks; exits 0 only on a clean card')
    .option('--seed <number>', 'another cast of callers and another order of things', parseSeed, 1)
    .option('--port <number>', 'where the sample API listens on the loopback; 0 takes a free port', parsePort, 0)
    .option('--rename <from=to>', 'call a path segment of the sample API otherwise; may be repeated', collectRename)
    .option('--recorded', 'replay the recorded scene even where live capture is possible')
    .addHelpText(
      'after',
      '\nExamples:\n  $ offpath demo\n  $ offpath demo --seed 7 --port 8081\n  $ offpath demo --rename orders=purchases --rename v1=api\n',
    )
    .action(async ({ seed, port, rename = {}, recorded }: DemoOptions) => {
      const { runDemo } = await import('../../demo/demo.ts')
      context.exitCode = await runDemo({
        seed,
        port,
        renames: rename,
        recorded: recorded === true,
        output: context.stdout,
        version: offpathVersion(),
        colour: context.colour,
        width: context.width,
        stop: context.stop.signal,
      })
    })
}

function parseSeed(text: string): number {
  const seed = Number(text)
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    throw new InvalidArgumentError('expected a whole number from 0 to 4294967295.')
  }
  return seed
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('expected a port.')
  return port
}

function collectRename(text: string, before: Record<string, string> = {}): Record<string, string> {
  const match = /^([\w-]+)=([\w-]+)$/.exec(text)
  if (match === null) throw new InvalidArgumentError('expected FROM=TO, as in orders=purchases.')
  return { ...before, [match[1]!]: match[2]! }
}
