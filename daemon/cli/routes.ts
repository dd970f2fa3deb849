import { readFileSync, statSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { DRIFT_RULES, type DriftFinding, type DriftRule, findDrift, routesOfSpec } from '../inventory/drift.ts'
import { openApiOf } from '../inventory/openapi-export.ts'
import { sarifLog } from '../inventory/sarif.ts'
import { MAX_SPEC_BYTES, readSpec, type Spec } from '../inventory/spec.ts'
import type { RouteJson } from '../inventory/views.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { nearest } from '../yaml/suggest.ts'
import {
  type Connect,
  configOption,
  connectByConfig,
  type ListFormat,
  outputOption,
  writeJson,
  writeJsonLines,
} from './connection.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'
import { captureOption, type InventoryFlags, routesOf, storedOption } from './inventory-source.ts'
import { renderDrift, renderRoute, renderRoutes } from './route-view.ts'
import { offpathVersion } from './version.ts'
import { writeText } from './write-text.ts'

/** There is drift: contracts.md, exit codes. */
const FINDINGS_PRESENT = 3
const RULES = Object.keys(DRIFT_RULES) as DriftRule[]

type ListFlags = InventoryFlags & { readonly output: ListFormat }
type ShowFlags = InventoryFlags & { readonly output: 'table' | 'json' }
type DriftFlags = InventoryFlags & {
  readonly spec: string
  readonly ignore?: readonly DriftRule[]
  readonly output: ListFormat | 'sarif'
}

export function addRoutes(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  const routes = program
    .command('routes')
    .description('what the API is, as seen: list, show, export, compare with its description')

  shared(routes.command('list'))
    .description('list the routes with callers, identities and sensitive data')
    .addOption(outputOption(['table', 'json', 'jsonl']))
    .addHelpText('after', '\nExamples:\n  $ offpath routes list\n  $ offpath routes list --capture monday.pcap\n')
    .action(async (flags: ListFlags) => {
      const found = await routesOf(flags, context, connect)
      if (flags.output === 'json') return writeJson(context, found)
      if (flags.output === 'jsonl') return writeJsonLines(context, found)
      return writeText(context.stdout, found.length === 0 ? nothing(flags) : renderRoutes(found, context))
    })

  shared(routes.command('show'))
    .description('one route: parameters, answers, types, how often')
    .argument('<endpoint...>', 'METHOD PATH, or the path alone')
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', "\nExample:\n  $ offpath routes show GET '/v1/orders/{id}'\n")
    .action(async (words: string[], flags: ShowFlags) => {
      const found = find(words.join(' '), await routesOf(flags, context, connect))
      if (flags.output === 'json') return writeJson(context, found)
      return writeText(context.stdout, found.map((route) => renderRoute(route, context)).join('\n'))
    })

  shared(routes.command('export'))
    .description('write what was seen as an OpenAPI 3.1 document, or as JSON')
    .addOption(new Option('--format <format>', 'openapi or json').choices(['openapi', 'json']).default('openapi'))
    .addHelpText('after', '\nExample:\n  $ offpath routes export --capture day.pcap > seen.openapi.json\n')
    .action(async (flags: InventoryFlags & { format: 'openapi' | 'json' }) => {
      const found = await routesOf(flags, context, connect)
      if (flags.format === 'json') return writeJson(context, found)
      const services = [...new Set(found.map(({ service }) => service))]
      if (services.length > 1) {
        throw usageError(
          `${services.length} services were seen`,
          `--service with one of ${services.slice(0, 5).join(', ')}`,
        )
      }
      if (services[0] === undefined) throw unseen(flags)
      return writeJson(context, openApiOf(services[0], found))
    })

  shared(routes.command('drift'))
    .description('compare what was seen with an OpenAPI description; exit 3 when they differ')
    .requiredOption(
      '--spec <file>',
      'OpenAPI 3 or Swagger 2, YAML or JSON; references outside the file are not followed',
    )
    .addOption(new Option('--ignore <kinds...>', `leave out: ${RULES.join(', ')}`).choices(RULES))
    .addOption(outputOption(['table', 'json', 'jsonl', 'sarif']))
    .addHelpText(
      'after',
      '\nExamples:\n  $ offpath routes drift --spec openapi.yaml\n  $ offpath routes drift --spec openapi.yaml --capture test-run.pcap -o sarif > drift.sarif\n',
    )
    .action(async (flags: DriftFlags) => {
      const spec = readSpec(readSpecFile(flags.spec), flags.spec)
      if (spec.outside.length > 0) {
        context.logger.warn(
          `${flags.spec}: references that lead out of the file are not followed (${spec.outside.length}, such as ${spec.outside[0]})`,
        )
      }
      const seen = await routesOf(flags, context, connect)
      if (seen.length === 0) throw unseen(flags)
      const findings = driftOf(spec, seen, flags)
      if (findings.length > 0) context.exitCode = FINDINGS_PRESENT
      await writeDrift(findings, flags, context)
    })
}

function shared(command: Command): Command {
  return command
    .addOption(captureOption())
    .addOption(storedOption())
    .option('--service <name>', 'only this one: the host as callers name it')
    .addOption(configOption())
}

function driftOf(spec: Spec, seen: readonly RouteJson[], { service, ignore = [] }: DriftFlags): DriftFinding[] {
  const routes = service === undefined ? routesOfSpec(spec, seen) : seen
  return findDrift(spec, routes).filter(({ rule }) => !ignore.includes(rule))
}

function writeDrift(findings: readonly DriftFinding[], flags: DriftFlags, context: CliContext): Promise<void> {
  switch (flags.output) {
    case 'json':
      return writeJson(context, findings)
    case 'jsonl':
      return writeJsonLines(context, findings)
    case 'sarif':
      return writeJson(context, sarifLog(findings, flags.spec, offpathVersion()))
    case 'table':
      return writeText(
        context.stdout,
        findings.length === 0 ? 'No drift: what was seen is what is described.\n' : renderDrift(findings, context),
      )
  }
}

function readSpecFile(path: string): string {
  try {
    const { size } = statSync(path)
    // Said by the reader, which knows the limit.
    return size > MAX_SPEC_BYTES ? ' '.repeat(MAX_SPEC_BYTES + 1) : readFileSync(path, 'utf8')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_NO_FILE', `the API description cannot be read: ${(cause as Error).message}`, {
      at: path,
      remedy: 'Check the path.',
      cause,
    })
  }
}

/** `GET /v1/x`, or `/v1/x` with whatever methods it has. */
function find(wanted: string, routes: readonly RouteJson[]): RouteJson[] {
  const found = routes.filter(({ endpoint, path }) => endpoint === wanted || path === wanted)
  if (found.length > 0) return found
  const near = nearest(
    wanted,
    routes.map(({ endpoint }) => endpoint),
  )
  throw new OffpathError('OFFPATH_E_NOT_FOUND', `there is no route ${wanted.slice(0, 200)}`, {
    remedy: near === null ? 'offpath routes list' : `did you mean ${near}? offpath routes list`,
  })
}

function unseen(flags: InventoryFlags): OffpathError {
  return new OffpathError('OFFPATH_E_STATE', 'no route was seen yet', {
    remedy:
      flags.service === undefined
        ? 'offpath status says whether traffic is seen'
        : 'offpath routes list names the services',
  })
}

function nothing(flags: InventoryFlags): string {
  if (flags.capture !== undefined) return 'No route was answered in it.\n'
  return 'No routes yet. offpath status says whether traffic is seen.\n'
}
