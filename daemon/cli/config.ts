import { type Command, Option } from 'commander'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { effectiveYaml } from '../config/effective.ts'
import { toJsonSchema } from '../yaml/key-tree.ts'
import type { CliContext } from './context.ts'
import { configPath, loadSettings } from './settings.ts'
import { addSourceOptions, type SourceFlags, sourceSettings } from './source-options.ts'

export function addConfig(program: Command, context: CliContext): void {
  const config = program.command('config').description('check or show the configuration')

  config
    .command('check')
    .description('check a configuration file; reports every problem at once, needs no network and no privilege')
    .argument('[file]', 'default: offpath.yaml in this folder, else the defaults')
    .addHelpText('after', '\nExamples:\n  $ offpath config check\n  $ offpath config check /etc/offpath/offpath.yaml\n')
    .action((file: string | undefined) => {
      const path = configPath(file)
      const { config: checked } = loadSettings(path)
      const count = checked.sources.length
      context.stdout.write(`${path ?? 'defaults'}: ok, ${count} ${count === 1 ? 'source' : 'sources'}\n`)
    })

  addSourceOptions(config.command('show'))
    .description('print the configuration in force, and where each value comes from')
    .option('--config <file>', 'default: offpath.yaml in this folder, else the defaults')
    .addOption(new Option('-o, --output <format>', 'yaml or json').choices(['yaml', 'json']).default('yaml'))
    .addHelpText(
      'after',
      '\nExamples:\n  $ offpath config show\n  $ offpath config show --pcap eth0 -o json\n  $ offpath config show > offpath.yaml\n',
    )
    .action((command: string[], options: SourceFlags & { config?: string; output: 'yaml' | 'json' }) => {
      const effective = loadSettings(configPath(options.config), sourceSettings(options, command))
      const text =
        options.output === 'yaml'
          ? effectiveYaml(effective)
          : `${JSON.stringify({ config: effective.config, origins: Object.fromEntries(effective.origins) }, null, 2)}\n`
      context.stdout.write(text)
    })

  config
    .command('schema')
    .description('print the JSON Schema of offpath.yaml, for editors')
    .addHelpText('after', '\nExample:\n  $ offpath config schema > offpath.schema.json\n')
    .action(() => {
      context.stdout.write(configSchemaText())
    })
}

/** As printed, and as kept in docs/offpath.schema.json. */
export function configSchemaText(): string {
  return `${JSON.stringify(toJsonSchema(CONFIG_SCHEMA), null, 2)}\n`
}
