import { Command } from 'commander'
import { addAction } from './action.ts'
import { addClients } from './clients.ts'
import { addConfig } from './config.ts'
import type { CliContext } from './context.ts'
import { addDemo } from './demo.ts'
import { addDetector } from './detector.ts'
import { addDoctor } from './doctor.ts'
import { explainFailure } from './failure.ts'
import { addIncident } from './incident.ts'
import { addInit } from './init.ts'
import { addPolicy } from './policy.ts'
import { addReplay } from './replay.ts'
import { addRoutes } from './routes.ts'
import { addRun } from './run.ts'
import { addSensitive } from './sensitive.ts'
import { addStatus } from './status.ts'
import { addStore } from './store.ts'
import { addTap } from './tap.ts'
import { addTop } from './top.ts'
import { offpathVersion } from './version.ts'
import { addWebhook } from './webhook.ts'

/** Runs one command line and says how the process should end. Never throws. */
export async function runProgram(argv: readonly string[], context: CliContext): Promise<number> {
  const program = buildProgram(context)
  try {
    if (argv.length === 0) program.outputHelp()
    else await program.parseAsync([...argv], { from: 'user' })
    return context.exitCode
  } catch (error) {
    const failure = explainFailure(error, context.environment.OFFPATH_DEBUG === '1', commandOf(argv, program))
    context.stderr.write(failure.text)
    return failure.exitCode
  }
}

/** The command whose help explains the line: `offpath config show`. */
function commandOf(argv: readonly string[], program: Command): string {
  let command = program
  const names = ['offpath']
  for (const word of argv) {
    const next = command.commands.find((candidate) => candidate.name() === word)
    if (next === undefined) break
    command = next
    names.push(word)
  }
  return names.join(' ')
}

export function buildProgram(context: CliContext): Command {
  const program = new Command('offpath')
    .description(
      'Watches a copy of your API traffic and opens few, well-explained incidents. Never in the request path.',
    )
    .version(offpathVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      // Printed once, as a block, by runProgram.
      outputError: () => {},
      getOutHelpWidth: () => Math.min(context.width, 110),
      getOutHasColors: () => context.colour,
    })
    .addHelpText(
      'after',
      `
Start here:
  $ offpath demo                          attacks on a sample API, found live
  $ offpath replay capture.pcap           what is in a capture of your own
  $ offpath init && offpath doctor        write offpath.yaml, check this host
  $ offpath run --pcap eth0               watch an interface

Exit codes: 0 ok, 1 failed, 2 usage, 3 findings present (where asked for), 69 daemon not reachable, 78 bad configuration.`,
    )
  for (const add of [
    addRun,
    addReplay,
    addDemo,
    addInit,
    addDoctor,
    addConfig,
    addDetector,
    addStatus,
    addTop,
    addRoutes,
    addClients,
    addSensitive,
    addPolicy,
    addIncident,
    addAction,
    addStore,
    addWebhook,
    addTap,
  ])
    add(program, context)
  return program
}
