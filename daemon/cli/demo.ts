import { type Command, InvalidArgumentError } from 'commander'
import type { CliContext } from './context.ts'

interface DemoOptions {
  readonly seed: number
}

export function addDemo(program: Command, context: CliContext): void {
  program
    .command('demo')
    .description('attack a sample API on the loopback and find the attacks; exits 0 only on a clean card')
    .option('--seed <number>', 'another cast of callers and another order of things', parseSeed, 1)
    .addHelpText('after', '\nExamples:\n  $ offpath demo\n  $ offpath demo --seed 7\n')
    .action(async ({ seed }: DemoOptions) => {
      const { runDemo } = await import('../../demo/demo.ts')
      context.exitCode = await runDemo({ seed, output: context.stdout })
    })
}

function parseSeed(text: string): number {
  const seed = Number(text)
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    throw new InvalidArgumentError('expected a whole number from 0 to 4294967295.')
  }
  return seed
}
