import { type Command, Option } from 'commander'
import {
  type DescribedRoute,
  type Description,
  routesOf as routesAbout,
  withDescriptions,
} from '../inventory/descriptions.ts'
import { DRIFT_RULES, type DriftFinding, type DriftRule, findDrift } from '../inventory/drift.ts'
import { openApiOf } from '../inventory/openapi-export.ts'
import { sarifLog } from '../inventory/sarif.ts'
import type { RouteJson } from '../inventory/views.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { configuredDescriptions, readSpecFile } from '../topology/description-files.ts'
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
import { configPath, loadSettings } from './settings.ts'
import { offpathVersion } from './version.ts'
import { writeText } from './write-text.ts'

/** There is drift: contracts.md, exit codes. */
const FINDINGS_PRESENT = 3
const RULES = Object.keys(DRIFT_RULES) as DriftRule[]

type ListFlags = InventoryFlags & { readonly output: ListFormat }
type ShowFlags = InventoryFlags & { readonly output: 'table' | 'json' }
type DriftFlags = InventoryFlags & {
  readonly spec?: string
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
      const found = await describedRoutes(flags, context, connect)
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
      const found = find(words.join(' '), await describedRoutes(flags, context, connect))
      if (flags.output === 'json') return writeJson(context, found)
      return writeText(context.stdout, found.map((route) => renderRoute(route, context)).join('\n'))
    })

  shared(routes.command('export'))
    .description('write what was seen as an OpenAPI 3.1 document, or as JSON')
    .addOption(new Option('--format <format>', 'openapi or json').choices(['openapi', 'json']).default('openapi'))
    .addHelpText('after', '\nExample:\n  $ offpath routes export --capture day.pcap > seen.openapi.json\n')
    .action(async (flags: InventoryFlags & { format: 'openapi' | 'json' }) => {
      const found = await describedRoutes(flags, context, connect)
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
    .option(
      '--spec <file>',
      'OpenAPI 3 or Swagger 2, YAML or JSON; references outside the file are not followed; default: endpoints.descriptions',
    )
    .addOption(new Option('--ignore <kinds...>', `leave out: ${RULES.join(', ')}`).choices(RULES))
    .addOption(outputOption(['table', 'json', 'jsonl', 'sarif']))
    .addHelpText(
      'after',
      '\nExamples:\n  $ offpath routes drift --spec openapi.yaml\n  $ offpath routes drift --spec openapi.yaml --capture test-run.pcap -o sarif > drift.sarif\n',
    )
    .action(async (flags: DriftFlags) => {
      const descriptions = descriptionsOf(flags)
      for (const { file, spec } of descriptions) {
        if (spec.outside.length === 0) continue
        context.logger.warn(
          `${file}: references that lead out of the file are not followed (${spec.outside.length}, such as ${spec.outside[0]})`,
        )
      }
      const seen = await routesOf(flags, context, connect)
      if (seen.length === 0) throw unseen(flags)
      const findings = descriptions.flatMap((description) => driftOf(description, seen, flags))
      if (findings.length > 0) context.exitCode = FINDINGS_PRESENT
      await writeDrift(findings, descriptions[0]!.file, flags, context)
    })
}

function shared(command: Command): Command {
  return command
    .addOption(captureOption())
    .addOption(storedOption())
    .option('--service <name>', 'only this one: the host as callers name it')
    .addOption(configOption())
}

/** Each with whether it is described: by the files as they are now where some are configured here, else as whoever keeps the inventory says. */
async function describedRoutes(
  flags: InventoryFlags,
  context: CliContext,
  connect: Connect,
): Promise<readonly DescribedRoute[]> {
  const descriptions = configuredDescriptions(loadSettings(configPath(flags.config)).config)
  const routes = await routesOf(flags, context, connect)
  return descriptions.length === 0 ? routes : withDescriptions(routes, descriptions)
}

/** The one that was named, else those of the configuration. */
function descriptionsOf(flags: DriftFlags): readonly Description[] {
  if (flags.spec !== undefined) return [{ file: flags.spec, services: null, spec: readSpecFile(flags.spec) }]
  const descriptions = configuredDescriptions(loadSettings(configPath(flags.config)).config)
  if (descriptions.length === 0) throw usageError('no description is named', '--spec FILE, or endpoints.descriptions')
  if (descriptions.length > 1 && flags.output === 'sarif')
    throw usageError('SARIF is about one file', `--spec with one of ${descriptions.map(({ file }) => file).join(', ')}`)
  return descriptions
}

function driftOf(
  description: Description,
  seen: readonly RouteJson[],
  { service, ignore = [] }: DriftFlags,
): DriftFinding[] {
  const routes = service !== undefined && description.services === null ? seen : routesAbout(description, seen)
  return findDrift(description.spec, routes).filter(({ rule }) => !ignore.includes(rule))
}

function writeDrift(
  findings: readonly DriftFinding[],
  file: string,
  flags: DriftFlags,
  context: CliContext,
): Promise<void> {
  switch (flags.output) {
    case 'json':
      return writeJson(context, findings)
    case 'jsonl':
      return writeJsonLines(context, findings)
    case 'sarif':
      return writeJson(context, sarifLog(findings, file, offpathVersion()))
    case 'table':
      return writeText(
        context.stdout,
        findings.length === 0 ? 'No drift: what was seen is what is described.\n' : renderDrift(findings, context),
      )
  }
}

/** `GET /v1/x`, or `/v1/x` with whatever methods it has. */
function find(wanted: string, routes: readonly DescribedRoute[]): DescribedRoute[] {
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
