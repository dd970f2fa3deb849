import pc from 'picocolors'
import { renderActionTable } from './action-table.ts'
import { escapeTerminal } from './escape.ts'
import {
  type ActionInput,
  clockTime,
  counted,
  type DetailInput,
  type IncidentView,
  incidentView,
  shortTime,
  signalView,
  spanText,
  spanUs,
  transactionView,
} from './incident-view.ts'
import { type Fact, type Look, renderFacts, renderTable, severityPaint, wrapText } from './text-table.ts'

/** Rows of evidence on the page: how it began and where it stands. The export has all that was kept. */
const FIRST_ROWS = 6
const LAST_ROWS = 6
const MAX_LISTED = 8
/** From here on the outcome is told as possible, and as success. */
const PERHAPS = 0.1
const PROBABLY = 0.5

/** `incident show`: who did what, since when, how it is known, what came of it, what was done, and how to go on. */
export function renderIncidentPage(detail: DetailInput, look: Look): string {
  const incident = incidentView(detail.incident)
  const parts = [
    renderHead(incident, look),
    renderFacts(factsOf(detail, incident), look),
    evidencePart(detail, incident, look),
    actionsPart(detail.actions, look),
    historyPart(detail, look),
    goOnPart(incident, detail.actions, look),
  ]
  return parts.filter((part) => part !== '').join('\n')
}

/** Severity, title, subject, state; and under it the sentence. Shared with the explanation. */
export function renderHead(incident: IncidentView, look: Look): string {
  const colours = pc.createColors(look.colour)
  const severity = severityPaint(incident.severity, colours)(escapeTerminal(incident.severity.toUpperCase()))
  const state = incident.simulated ? `${incident.status}, simulated` : incident.status
  const name = `${escapeTerminal(incident.title)}  ${colours.bold(escapeTerminal(incident.subject.value))}`
  const sentence = wrapText(escapeTerminal(incident.why), look.width).map((line) => `${line}\n`)
  return `${severity}  ${name}  ${colours.dim(escapeTerminal(state))}\n${sentence.join('')}`
}

function factsOf({ signals, policy }: DetailInput, incident: IncidentView): Fact[] {
  const newest = signals.length === 0 ? null : signalView(signals.at(-1)!)
  const { subject } = incident
  return [
    { name: 'Id', text: incident.id },
    { name: 'Subject', text: `${subject.kind} ${subject.value}` },
    { name: 'Members', text: listed(subject.members) },
    { name: 'Service', text: incident.service ?? '' },
    { name: 'Endpoints', text: listed(incident.endpoints) },
    { name: 'Opened', text: sinceText(incident) },
    {
      name: 'How often',
      text: `${counted(incident.transactionCount, 'request')}, ${counted(incident.signalCount, 'signal')}`,
    },
    { name: 'Expected', text: newest?.expected ?? '' },
    {
      name: 'Observed',
      text: newest === null || newest.observed === '' ? '' : `${newest.observed} (${shortTime(newest.ts)})`,
    },
    { name: 'Verdict', text: verdictText(incident) },
    { name: 'Known by', text: maturityText(incident) },
    { name: 'Outcome', text: outcomeText(incident) },
    { name: 'Accounts', text: listed(incident.outcome.accounts) },
    {
      name: 'Detected by',
      text: [
        ...incident.detectors,
        ...incident.owasp.map((id) => `OWASP ${id}`),
        ...incident.attack.map((id) => `ATT&CK ${id}`),
      ].join(', '),
    },
    {
      name: 'Policy',
      text:
        policy === null
          ? incident.policy
          : `${policy.id}, mode ${policy.mode}${policy.owner === null ? '' : `, owner ${policy.owner}`}`,
    },
  ]
}

function sinceText({ openedAt, updatedAt, closedAt }: IncidentView): string {
  const span = spanUs(openedAt, updatedAt)
  const last = span === null || span <= 0 ? '' : `, last seen ${shortTime(updatedAt)}, ${spanText(span)} later`
  return `${shortTime(openedAt)}${last}${closedAt === null ? '' : `, closed ${shortTime(closedAt)}`}`
}

function verdictText({ verdict }: IncidentView): string {
  return verdict === null ? '' : `${verdict.is}, ${verdict.who} at ${shortTime(verdict.at)}: ${verdict.reason}`
}

function maturityText({ maturity, completeness }: IncidentView): string {
  const parts: string[] = []
  if (maturity !== null) parts.push(`baseline ${percent(maturity)} learnt`)
  if (completeness !== null) parts.push(`${percent(completeness)} of the evidence seen whole`)
  return parts.join(', ')
}

/** Whether it worked, as far as is known. */
export function outcomeText({ outcome }: IncidentView): string {
  const { pSuccess, objectsExposed, accounts } = outcome
  if (pSuccess === null) return ''
  const worked =
    pSuccess >= PROBABLY ? 'it probably worked' : pSuccess >= PERHAPS ? 'it may have worked' : 'no sign that it worked'
  const parts = [`${worked} (p ${Number(pSuccess.toPrecision(2))})`]
  if (objectsExposed > 0) parts.push(`${counted(objectsExposed, 'object')} of others exposed`)
  if (accounts.length > 0) parts.push(`${counted(accounts.length, 'account')} taken over or guessed`)
  return parts.join(', ')
}

/** Rounded so that 100 % means all of it and 0 % none. */
export function percent(share: number): string {
  const shown = Math.floor(share * 1000) / 10
  return share > 0 && shown === 0 ? '<0.1 %' : `${shown} %`
}

function evidencePart({ transactions }: DetailInput, incident: IncidentView, look: Look): string {
  const rows: string[][] =
    transactions.length > 0
      ? transactions
          .map(transactionView)
          .map((tx) => [clockTime(tx.ts), tx.method, tx.target, statusText(tx.status), tx.who])
      : incident.evidence.map((ref) => [clockTime(ref.ts), '', ref.id, statusText(ref.status), ''])
  if (rows.length === 0) return ''
  const shown =
    rows.length <= FIRST_ROWS + LAST_ROWS + 1 ? rows : [...rows.slice(0, FIRST_ROWS), null, ...rows.slice(-LAST_ROWS)]
  const kept =
    rows.length < incident.transactionCount
      ? `${counted(rows.length, 'request')} kept of ${incident.transactionCount.toLocaleString('en-US')}`
      : counted(rows.length, 'request')
  const columns = [
    { title: 'TIME' },
    { title: 'METHOD' },
    { title: transactions.length > 0 ? 'PATH' : 'TRANSACTION', least: 16 },
    { title: 'STATUS', align: 'right' as const },
    { title: 'WHO', least: 10 },
  ]
  const missing = rows.length - FIRST_ROWS - LAST_ROWS
  const table = renderTable(
    columns,
    shown.map((row) => row ?? ['', '', `… ${missing} more`, '', '']),
    indented(look),
  )
  return `Evidence (${kept}${transactions.length > 0 ? '' : '; the requests themselves are not at hand: offpath store status'}):\n${indent(table)}`
}

function actionsPart(actions: readonly ActionInput[], look: Look): string {
  if (actions.length === 0) return 'Actions: none.\n'
  return `Actions:\n${indent(renderActionTable(actions, indented(look), false))}`
}

function historyPart({ history }: DetailInput, look: Look): string {
  if (history.length === 0) return ''
  const rows = history.map(({ at, kind, why }) => [shortTime(at), kind, why])
  return `History:\n${indent(renderTable([{ title: 'TIME' }, { title: 'WHAT' }, { title: 'WHY', least: 20 }], rows, indented(look)))}`
}

function goOnPart(incident: IncidentView, actions: readonly ActionInput[], look: Look): string {
  const id = incident.id
  const commands: Fact[] = [
    { name: `offpath incident explain ${id}`, text: 'how it was decided' },
    { name: `offpath incident export ${id}`, text: 'the requests behind it, to replay' },
    { name: `offpath verdict ${id} …`, text: 'say what it is: attack, benign or false' },
  ]
  for (const action of actions) {
    if (action.state === 'awaiting_approval')
      commands.push({ name: `offpath action approve ${action.id} --reason …`, text: 'or deny' })
    else if (!action.simulated && ['applied', 'verified', 'ineffective', 'harmful'].includes(action.state)) {
      commands.push({
        name: `offpath action revert ${action.id} --reason …`,
        text: 'take it back before its lease ends',
      })
    }
    if (commands.length >= MAX_LISTED) break
  }
  // A command is copied: it is not broken, however narrow the terminal.
  const width = Math.max(...commands.map(({ name }) => name.length))
  const colours = pc.createColors(look.colour)
  return `Go on:\n${commands.map(({ name, text }) => `  ${escapeTerminal(name).padEnd(width)}  ${colours.dim(text)}\n`).join('')}`
}

function listed(values: readonly string[]): string {
  if (values.length <= MAX_LISTED) return values.join(', ')
  return `${values.slice(0, MAX_LISTED).join(', ')} and ${values.length - MAX_LISTED} more`
}

function statusText(status: number | null): string {
  return status === null ? '-' : String(status)
}

function indented(look: Look): Look {
  return { ...look, width: look.width - 2 }
}

export function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ')
}
