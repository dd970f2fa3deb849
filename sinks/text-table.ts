import pc from 'picocolors'
import { escapeTerminal } from './escape.ts'

export interface Look {
  /** Columns of the terminal. */
  readonly width: number
  readonly colour: boolean
}

export type Colours = ReturnType<typeof pc.createColors>

export interface Column {
  readonly title: string
  readonly align?: 'right'
  /** A column with this gives way on a narrow terminal, down to so many characters. Without it cells are never cut. */
  readonly least?: number
  /** Colour of a cell, by its text as given. */
  readonly paint?: (cell: string, colours: Colours) => (text: string) => string
}

const GAP = 2

/** Rows under a line of titles, escaped, cut to the terminal where columns allow it. Ends with a line feed. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[], look: Look): string {
  const colours = pc.createColors(look.colour)
  const cells = rows.map((row) => columns.map((_, at) => escapeTerminal(row[at] ?? '')))
  const widths = fitWidths(columns, cells, look.width)
  const line = (texts: readonly string[], paint: (text: string, at: number) => string) =>
    texts
      .map((text, at) => {
        const shown = cutText(text, widths[at]!)
        const pad = ' '.repeat(widths[at]! - shown.length)
        return columns[at]!.align === 'right' ? pad + paint(shown, at) : paint(shown, at) + pad
      })
      .join(' '.repeat(GAP))
      .trimEnd()
  const titles = columns.map(({ title }) => title)
  const lines = [line(titles, (text) => (text === '' ? text : colours.dim(text)))]
  for (const [index, row] of cells.entries()) {
    lines.push(line(row, (text, at) => columns[at]!.paint?.(rows[index]![at] ?? '', colours)(text) ?? text))
  }
  return `${lines.join('\n')}\n`
}

/** Widest cell of each column; then the widest of those that may shrink gives way, one character at a time. */
function fitWidths(columns: readonly Column[], cells: readonly (readonly string[])[], width: number): number[] {
  const widths = columns.map(({ title }, at) =>
    cells.reduce((most, row) => Math.max(most, row[at]!.length), title.length),
  )
  let over = widths.reduce((sum, each) => sum + each, GAP * (columns.length - 1)) - Math.max(1, width)
  while (over > 0) {
    let widest = -1
    for (const [at, { least }] of columns.entries()) {
      if (least !== undefined && widths[at]! > least && (widest < 0 || widths[at]! > widths[widest]!)) widest = at
    }
    if (widest < 0) break
    // Down to the next widest in one step: a cell of 5,000 characters costs no 5,000 rounds.
    const next = Math.max(
      columns[widest]!.least!,
      ...columns.map(({ least }, at) =>
        at !== widest && least !== undefined && widths[at]! < widths[widest]! ? widths[at]! : 0,
      ),
    )
    const step = Math.max(1, Math.min(over, widths[widest]! - next))
    widths[widest]! -= step
    over -= step
  }
  return widths
}

/** At most so many characters; the last one is an ellipsis when something is missing. Whole code points stay. */
export function cutText(text: string, width: number): string {
  if (text.length <= width) return text
  if (width <= 0) return ''
  const kept = text.slice(0, width - 1)
  // Half of a pair would be shown as a replacement character.
  return `${/[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept}…`
}

/** Broken at spaces; a word longer than the line is broken too, so that nothing runs over the edge. */
export function wrapText(text: string, width: number): string[] {
  const room = Math.max(8, width)
  const lines: string[] = []
  let line = ''
  for (const whole of text.split(' ')) {
    let word = whole
    while (word.length > room) {
      if (line !== '') lines.push(line)
      line = ''
      const at = /[\ud800-\udbff]/.test(word[room - 1]!) ? room - 1 : room
      lines.push(word.slice(0, at))
      word = word.slice(at)
    }
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  if (line !== '' || lines.length === 0) lines.push(line)
  return lines
}

export interface Fact {
  readonly name: string
  readonly text: string
}

/** `name  text` with the texts in one column, escaped and wrapped. Facts without text are left out. */
export function renderFacts(facts: readonly Fact[], look: Look, indent = 0): string {
  const colours = pc.createColors(look.colour)
  const told = facts.filter(({ text }) => text !== '')
  if (told.length === 0) return ''
  const label = Math.max(...told.map(({ name }) => name.length)) + GAP
  const margin = ' '.repeat(indent)
  return told
    .flatMap(({ name, text }) =>
      wrapText(escapeTerminal(text), look.width - indent - label).map(
        (line, at) => `${margin}${colours.dim((at === 0 ? name : '').padEnd(label))}${line}\n`,
      ),
    )
    .join('')
}

export function severityPaint(severity: string, colours: Colours): (text: string) => string {
  const word = severity.toLowerCase()
  if (word === 'critical' || word === 'high') return colours.red
  return word === 'medium' ? colours.yellow : colours.dim
}
