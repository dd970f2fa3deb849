import pc from 'picocolors'
import { stateText } from './action-table.ts'
import { escapeTerminal } from './escape.ts'
import { evidencePlot } from './evidence-plot.ts'
import { isFeature, renderFeatures } from './explain-features.ts'
import { renderPayloads } from './explain-payloads.ts'
import { indent, outcomeText, percent, renderHead } from './incident-page.ts'
import {
  clockTime,
  counted,
  type DetailInput,
  type IncidentView,
  incidentView,
  type PolicyInput,
  type SignalView,
  shortTime,
  signalView,
  spanText,
  spanUs,
  type TransactionView,
  transactionView,
} from './incident-view.ts'
import { type Fact, type Look, renderFacts, renderTable, wrapText } from './text-table.ts'

const MAX_SIGNALS = 12
const MAX_PLOT_WIDTH = 72
const PLOT_HEIGHT = 8
/** Findings that no attacker had in mind. */
const NOBODYS_AIM = /^(?:baseline|capture|regression)\./
/** How much stricter a policy could have been: factors of its budget. */
const STRICTER = [10, 100, 1000, 1_000_000]

/**
 * `incident explain`: how it was decided, from what is stored and nothing else: the signals, the policy and its threshold,
 * what is in doubt, a picture, what was done and why, and what would have to differ.
 */
export function renderExplanation(detail: DetailInput, look: Look): string {
  const incident = incidentView(detail.incident)
  const signals = detail.signals.map(signalView)
  const transactions = detail.transactions.map(transactionView)
  const parts = [
    renderHead(incident, look),
    part('Signals', signalsPart(incident, signals, look)),
    part(
      'What added to it (newest signal, powers of ten)',
      renderFeatures(signals, { ...look, width: look.width - 2 }),
    ),
    part('Payloads', renderPayloads(signals, { ...look, width: look.width - 2 })),
    part(...plotPart(detail, look)),
    part('Policy', sentences(policySentences(incident, signals, detail.policy), look)),
    part('Doubts', sentences(doubtSentences(incident, signals, transactions), look)),
    part('Done', sentences(doneSentences(detail), look)),
    part('What would be different', sentences(differentSentences(detail, incident, signals), look)),
  ]
  return parts.filter((text) => text !== '').join('\n')
}

function part(title: string, body: string): string {
  return body === '' ? '' : `${title}\n${indent(body)}`
}

/** One paragraph each; one that begins with spaces stays indented. */
function sentences(texts: readonly string[], look: Look): string {
  return texts
    .flatMap((text) => {
      const margin = /^ */.exec(text)![0]
      const lines = wrapText(escapeTerminal(text.slice(margin.length)), look.width - 2 - margin.length)
      return lines.map((line) => `${margin}${line}\n`)
    })
    .join('')
}

/** The signal that opened it is the one at its opening time. */
function openingAt(incident: IncidentView, signals: readonly SignalView[]): number {
  return signals.findIndex(({ ts }) => ts === incident.openedAt)
}

function signalsPart(incident: IncidentView, signals: readonly SignalView[], look: Look): string {
  if (signals.length === 0)
    return 'None are at hand: not stored any more, or the store does not answer (offpath store status).\n'
  const opening = openingAt(incident, signals)
  const picked = pick(signals.length, opening)
  const table = renderTable(
    [
      { title: 'TIME' },
      { title: 'DETECTOR' },
      { title: 'LOG10 P', align: 'right' },
      { title: 'LEARNT', align: 'right' },
      { title: 'OBSERVED', least: 12 },
      { title: 'EXPECTED', least: 12 },
      { title: '' },
    ],
    picked.map((at) => {
      const { ts, detector, log10P, maturity, observed, expected } = signals[at]!
      return [
        clockTime(ts),
        detector,
        logText(log10P),
        maturity === null ? '-' : percent(maturity),
        observed,
        expected,
        at === opening ? '<- opened it' : '',
      ]
    }),
    { ...look, width: look.width - 2 },
  )
  const shown = picked.length < signals.length ? `${picked.length} of ${signals.length} shown. ` : ''
  const stored =
    signals.length < incident.signalCount
      ? `${signals.length} of its ${incident.signalCount.toLocaleString('en-US')} signals are stored with its evidence. `
      : ''
  const newest = signals.at(-1)!
  const why = wrapText(escapeTerminal(`${shown}${stored}The newest says: ${newest.why}`), look.width - 2)
  const facts: Fact[] = newest.evidence
    .filter(({ name }) => !isFeature(name))
    .map(({ name, text }) => ({ name: escapeTerminal(name).replaceAll('_', ' '), text }))
  return `${table}${why.map((line) => `${line}\n`).join('')}${renderFacts(facts, { ...look, width: look.width - 2 }, 2)}`
}

/** The opening one, the first and the last, and others evenly between. */
function pick(count: number, opening: number): number[] {
  if (count <= MAX_SIGNALS) return Array.from({ length: count }, (_, at) => at)
  const even = Array.from({ length: MAX_SIGNALS - 1 }, (_, n) => Math.round((n * (count - 1)) / (MAX_SIGNALS - 2)))
  return [...new Set(opening < 0 ? even : [...even, opening])].sort((a, b) => a - b)
}

function plotPart(detail: DetailInput, look: Look): [string, string] {
  const drawn = evidencePlot(detail, { width: Math.min(look.width - 2, MAX_PLOT_WIDTH), height: PLOT_HEIGHT })
  if (drawn === null || drawn.plot.lines.length === 0) return ['', '']
  const { lines, text } = drawn.plot
  const colours = pc.createColors(look.colour)
  const alternative = wrapText(text, look.width - 2).map((line) => colours.dim(line))
  return [drawn.title + keptText(detail), `${[...lines.map((line) => line.trimEnd()), ...alternative].join('\n')}\n`]
}

/** What the picture does not show. */
function keptText({ incident, transactions }: DetailInput): string {
  const { evidence, transactionCount } = incidentView(incident)
  const kept = transactions.length > 0 ? transactions.length : evidence.length
  if (kept >= transactionCount) return ''
  return ` (${kept.toLocaleString('en-US')} of ${counted(transactionCount, 'request')} kept: how it began, and the newest)`
}

function policySentences(incident: IncidentView, signals: readonly SignalView[], policy: PolicyInput | null): string[] {
  const told: string[] = []
  if (policy === null) told.push(`${incident.policy}; it is not loaded now, so its condition and mode are not known.`)
  else {
    told.push(`${policy.id} (${policy.title}), ${policy.origin}, mode ${policy.mode}.`)
    told.push(policy.condition === null ? 'It has no condition beside its budget.' : `Condition: ${policy.condition}`)
  }
  const threshold = thresholdOf(policy)
  if (threshold !== null)
    told.push(
      `By its budget an incident opens at log10 p ${logText(threshold)} or less, one in ${inverse(threshold)} by chance.`,
    )
  const opening = openingAt(incident, signals)
  const opener = signals[opening]
  if (opener === undefined || opener.log10P === null) return told
  const under = threshold === null ? '' : `, ${factor(threshold - opener.log10P)} below the threshold`
  told.push(`The signal of ${clockTime(opener.ts)} had log10 p ${logText(opener.log10P)}${under}: that opened it.`)
  if (opening > 0) {
    const strongest = Math.min(...signals.slice(0, opening).map(({ log10P }) => log10P ?? 0))
    told.push(
      `Before it came ${counted(opening, 'signal')} that did not suffice; the strongest had log10 p ${logText(strongest)}.`,
    )
  }
  return told
}

function doubtSentences(
  incident: IncidentView,
  signals: readonly SignalView[],
  transactions: readonly TransactionView[],
): string[] {
  const told: string[] = []
  if (incident.completeness !== null && incident.evidence.length > 0)
    told.push(`${percent(incident.completeness)} of the evidence was seen whole.`)
  const partial = transactions.filter(
    ({ state, pairing }) => (state !== '' && state !== 'complete') || (pairing !== '' && pairing !== 'exact'),
  )
  if (partial.length > 0) {
    const kinds = new Map<string, number>()
    for (const { state, pairing } of partial) {
      const kind = state !== 'complete' ? state.replaceAll('_', ' ') : `pairing ${pairing}`
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    }
    const list = [...kinds].map(([kind, count]) => `${count} × ${kind}`).join(', ')
    told.push(`Of the requests kept, ${partial.length} ${partial.length === 1 ? 'was' : 'were'} not: ${list}.`)
  }
  if (incident.maturity !== null && incident.maturity < 1) {
    told.push(`The detector had seen ${percent(incident.maturity)} of what its baseline needs.`)
  }
  if (incident.doubts.includes('forwarded.default') || signals.some(({ via }) => via === 'forwarded.default')) {
    told.push(
      'An address in it is known only through a hop that is trusted by default: no action is pointed at it until the hop is in identity.trusted_hops.',
    )
  }
  if (incident.doubts.includes('one_sided'))
    told.push('Part of it was seen from one side only: nothing is enforced on it.')
  if (incident.doubts.includes('shared_address'))
    told.push('Several people are behind an address in it: an action on the address waits for approval.')
  if (incident.doubts.includes('blind'))
    told.push(
      'The sensor missed part of the traffic meanwhile: numbers are lower bounds, and an action waits for approval.',
    )
  return told.length === 0 ? ['None are recorded.'] : told
}

function doneSentences({ actions, policy }: DetailInput): string[] {
  if (actions.length === 0) {
    if (policy === null) return ['Nothing.']
    return [
      policy.respond.length === 0
        ? 'Nothing: the policy names no response.'
        : 'Nothing: no step of the policy has led to an action.',
    ]
  }
  return actions.flatMap((action) => {
    const head = `${action.step} (${action.connector}) on ${action.target.kind} ${action.target.value}: ${stateText(action)}. ${action.reason}`
    const steps = action.history.map(
      ({ state, at, why }) => `  ${shortTime(at)}  ${state.replaceAll('_', ' ')}${why === '' ? '' : `: ${why}`}`,
    )
    return [head.trimEnd(), ...steps, ...(action.error === null ? [] : [`  last error: ${action.error}`])]
  })
}

/** Computed from the stored signals and actions; what they do not say is not guessed. */
function differentSentences(
  { actions, policy }: DetailInput,
  incident: IncidentView,
  signals: readonly SignalView[],
): string[] {
  const told: string[] = []
  const opener = signals[openingAt(incident, signals)]
  const threshold = thresholdOf(policy)
  if (threshold !== null && opener !== undefined && signals.length >= Math.min(incident.signalCount, 2)) {
    const all = signals.length >= incident.signalCount
    for (const stricter of STRICTER) {
      const level = threshold - Math.log10(stricter)
      const then = signals.find(({ log10P }) => log10P !== null && log10P <= level)
      if (then === opener) continue
      if (then === undefined) {
        told.push(
          `With a budget ${stricter.toLocaleString('en-US')} times smaller ${all ? 'it would not have opened' : 'none of the signals listed would have opened it'}.`,
        )
        break
      }
      const later = spanUs(opener.ts, then.ts) ?? 0
      told.push(
        `With a budget ${stricter.toLocaleString('en-US')} times smaller it would have opened ${all ? '' : 'at most '}${spanText(later)} later.`,
      )
    }
  }
  const rehearsed = actions.filter((action) => action.simulated && action.state !== 'refused')
  // A rehearsal says in its history what would have stood in the way.
  const stopped = rehearsed.filter(({ history }) => history.some(({ why }) => why.includes('would be refused')))
  const sent = rehearsed.length - stopped.length
  if (sent > 0) {
    told.push(
      `${counted(sent, 'action')} went through all guards and only the dispatch was withheld, because the mode is ${rehearsed[0]!.mode}: in mode enforce ${sent === 1 ? 'it' : 'they'} would have been sent.`,
    )
  }
  for (const { step, target, history } of stopped) {
    const why = history.find((entry) => entry.why.includes('would be refused'))!.why
    told.push(`${step} on ${target.value} would not have been sent in mode enforce either: ${why}`)
  }
  for (const action of actions) {
    if (action.state === 'refused')
      told.push(`${action.step} on ${action.target.value} was refused: ${action.history.at(-1)?.why ?? action.reason}`)
    if (action.state === 'awaiting_approval')
      told.push(
        `${action.step} on ${action.target.value} waits for a person: offpath action approve ${action.id} --reason …`,
      )
  }
  // A service that is slow, silent or not seen is nothing that somebody was after.
  const wasAfter = !NOBODYS_AIM.test(incident.detectors[0] ?? '')
  if (incident.outcome.pSuccess !== null && wasAfter) told.push(`As it stands: ${outcomeText(incident)}.`)
  return told
}

function thresholdOf(policy: PolicyInput | null): number | null {
  const threshold = policy?.max_log10_p
  return typeof threshold === 'number' && Number.isFinite(threshold) ? threshold : null
}

function logText(log10P: number | null): string {
  return log10P === null ? '-' : log10P.toFixed(2)
}

/** `200,000` for -5.3. */
function inverse(log10P: number): string {
  const count = 10 ** -log10P
  return count < 1e12 ? Number(count.toPrecision(3)).toLocaleString('en-US') : count.toExponential(1)
}

function factor(log10: number): string {
  if (log10 < 0.05) return 'just'
  if (log10 >= 6) return 'over a million times'
  return `${Number((10 ** log10).toPrecision(2)).toLocaleString('en-US')} times`
}
