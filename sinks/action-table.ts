import { type ActionInput, shortIds, shortTime } from './incident-view.ts'
import { type Colours, type Column, type Look, renderTable } from './text-table.ts'

/** Actions in the order given: what, on whom, in which state, until when. `withIncident`: they are not all for one incident. */
export function renderActionTable(actions: readonly ActionInput[], look: Look, withIncident = true): string {
  const short = shortIds(actions.map(({ id }) => id))
  const shortIncident = shortIds(actions.map((action) => action.incident_id))
  const columns: Column[] = [
    { title: 'ID' },
    { title: 'PROPOSED' },
    { title: 'STATE', paint: statePaint },
    { title: 'ACTION', least: 10 },
    { title: 'TARGET', least: 14 },
    { title: 'UNTIL' },
    { title: 'WHY', least: 16 },
  ]
  const rows = actions.map((action) => [
    short(action.id),
    shortTime(action.proposed_at),
    stateText(action),
    `${action.step} (${action.connector})`,
    `${action.target.kind} ${action.target.value}`,
    untilText(action),
    action.error ?? action.history.at(-1)?.why ?? action.reason,
  ])
  if (withIncident) {
    columns.splice(1, 0, { title: 'INCIDENT' })
    for (const [at, row] of rows.entries()) row.splice(1, 0, shortIncident(actions[at]!.incident_id))
  }
  return renderTable(columns, rows, look)
}

/** The time alone when it is the day of the proposal. */
function untilText({ lease_until: until, proposed_at: proposed }: ActionInput): string {
  if (until === null) return '-'
  return until.slice(0, 10) === proposed.slice(0, 10) ? shortTime(until).slice(11) : shortTime(until)
}

/** `applied`, `awaiting approval`, `applied, simulated`. */
export function stateText({ state, simulated }: ActionInput): string {
  const word = state.replaceAll('_', ' ')
  return simulated ? `${word}, simulated` : word
}

function statePaint(state: string, colours: Colours): (text: string) => string {
  if (/^(failed|harmful|ineffective)/.test(state)) return colours.red
  if (/^awaiting/.test(state)) return colours.yellow
  return /^(refused|expired|reverted)|simulated/.test(state) ? colours.dim : (text) => text
}

/** What was done about an incident, in a few words, the state first: `applied: throttle`, `simulated: ban, 2 × reset`. */
export function doneText(actions: readonly ActionInput[]): string {
  const states = new Map<string, Map<string, number>>()
  for (const { simulated, state, step } of actions) {
    const word = simulated ? 'simulated' : state.replaceAll('_', ' ')
    const steps = states.get(word) ?? new Map<string, number>()
    states.set(word, steps.set(step, (steps.get(step) ?? 0) + 1))
  }
  return [...states]
    .map(([word, steps]) => {
      const list = [...steps].map(([step, count]) => (count === 1 ? step : `${count} × ${step}`))
      return `${word}: ${list.join(', ')}`
    })
    .join('; ')
}
