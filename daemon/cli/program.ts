import { Command } from 'commander'
import type { CliContext } from './context.ts'
import { explainFailure } from './failure.ts'
import { offpathVersion } from './version.ts'

/** Runs one command line and says how the process should end. Never throws. */
export async function runProgram(argv: readonly string[], context: CliContext): Promise<number> {
  const program = await buildProgram(argv, context)
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

/** By name, in the order of the help. Each is a file of its own, loaded when it is needed: all of them take longer to load than most take to run. */
const COMMANDS: readonly (readonly [name: string, load: () => Promise<AddCommand>])[] = [
  ['run', async () => (await import('./run.ts')).addRun],
  ['replay', async () => (await import('./replay.ts')).addReplay],
  ['demo', async () => (await import('./demo.ts')).addDemo],
  ['init', async () => (await import('./init.ts')).addInit],
  ['doctor', async () => (await import('./doctor.ts')).addDoctor],
  ['config', async () => (await import('./config.ts')).addConfig],
  ['detector', async () => (await import('./detector.ts')).addDetector],
  ['baseline', async () => (await import('./baseline.ts')).addBaseline],
  ['status', async () => (await import('./status.ts')).addStatus],
  ['top', async () => (await import('./top.ts')).addTop],
  ['routes', async () => (await import('./routes.ts')).addRoutes],
  ['clients', async () => (await import('./clients.ts')).addClients],
  ['sensitive', async () => (await import('./sensitive.ts')).addSensitive],
  ['policy', async () => (await import('./policy.ts')).addPolicy],
  ['incident', async () => (await import('./incident.ts')).addIncident],
  ['verdict', async () => (await import('./verdict.ts')).addVerdict],
  ['action', async () => (await import('./action.ts')).addAction],
  ['deploy', async () => (await import('./deploy.ts')).addDeploy],
  ['store', async () => (await import('./store.ts')).addStore],
  ['webhook', async () => (await import('./webhook.ts')).addWebhook],
  ['tap', async () => (await import('./tap.ts')).addTap],
  ['simulate', async () => (await import('./simulate.ts')).addSimulate],
]

type AddCommand = (program: Command, context: CliContext) => void

/** The command named alone when the line begins with one; none for the version; else, for help or a misspelt name, all. */
function commandsFor(argv: readonly string[]): Promise<AddCommand[]> {
  const [first] = argv
  if (first === '--version' || first === '-V') return Promise.resolve([])
  const named = COMMANDS.filter(([name]) => name === first)
  return Promise.all((named.length > 0 ? named : COMMANDS).map(([, load]) => load()))
}

async function buildProgram(argv: readonly string[], context: CliContext): Promise<Command> {
  const program = new Command('offpath')
    .description(
      'Watches a copy of your API traffic and opens few, well-explained incidents. Never in the request path.',
    )
    .version(offpathVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    // A command may have a --version of its own: deploy mark.
    .enablePositionalOptions()
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
  for (const add of await commandsFor(argv)) add(program, context)
  return program
}
