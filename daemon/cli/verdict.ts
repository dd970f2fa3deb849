import { Argument, type Command } from 'commander'
import { renderIncidentList } from '../../sinks/incident-list-table.ts'
import type { JudgedJson, PolicyJson } from '../api/operations.ts'
import { VERDICTS, type VerdictIs } from '../model/verdict.ts'
import { parseReason } from './action.ts'
import { asking, type Connect, configOption, connectByConfig, outputOption, writeJson } from './connection.ts'
import type { CliContext } from './context.ts'
import { MAX_LIMIT } from './incident.ts'
import { resolveId } from './resolve-id.ts'
import { userName } from './user-name.ts'
import { writeText } from './write-text.ts'

interface VerdictOptions {
  readonly config?: string
  readonly reason: string
  readonly output: 'table' | 'json'
}

/** What a person says of an incident: it closes, ends what was done, and counts in the budget of its policy. */
export function addVerdict(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  program
    .command('verdict')
    .description('say what an incident is: benign and false close it and end its actions; false is learnt from')
    .argument('<incident>', 'incident id, or its beginning')
    .addArgument(
      new Argument(
        '<verdict>',
        'attack; benign: meant to be, such as our own scanner; false: it is nothing; none: takes back what was said',
      ).choices(VERDICTS),
    )
    .requiredOption('--reason <text>', 'why, for the record', parseReason)
    .addOption(configOption())
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', '\nExample:\n  $ offpath verdict 01m8067qx5 false --reason "the nightly export"\n')
    .action((given: string, verdict: VerdictIs, options: VerdictOptions) =>
      // Only the daemon can carry it out.
      asking(connect(options, 'refused'), async (operations) => {
        const known = (await operations.incidents({ limit: MAX_LIMIT })).map(({ id }) => id)
        const said = { verdict, who: userName(context), reason: options.reason }
        const judged = await operations.judgeIncident(resolveId('incident', given, known), said)
        if (options.output === 'json') return writeJson(context, judged)
        const actions = await operations.actions({ incident: judged.incident.id, limit: MAX_LIMIT })
        return writeText(context.stdout, renderIncidentList([judged.incident], actions, context) + policyLine(judged))
      }),
    )
}

function policyLine({ policy }: JudgedJson): string {
  return policy === null ? '' : `Policy ${policy.id}: ${standingText(policy) ?? 'nothing is said of its incidents'}.\n`
}

/** What people said of a policy's incidents; null while nobody said anything. */
export function standingText({ verdicts, demoted }: PolicyJson): string | null {
  const { attack = 0, benign = 0, false: wrong = 0, precision = 0 } = verdicts ?? {}
  if (attack + benign + wrong === 0 && demoted === undefined) return null
  const said = `${attack} found to be attacks, ${benign} benign, ${wrong} false; precision about ${Math.round(100 * precision)} %`
  return demoted === undefined ? said : `${said}; does not enforce any more: ${demoted.why}`
}
