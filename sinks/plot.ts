/**
 * Small plots for a terminal, each with a sentence that says the same: for a screen reader, a log, or a terminal without
 * the glyphs. Pure and deterministic; numbers that are none are left out and counted in the sentence's place.
 */
export interface Plot {
  /** Without line feeds; all of one width. Empty when there is nothing to draw. */
  readonly lines: readonly string[]
  readonly text: string
}

export interface Point {
  readonly x: number
  readonly y: number
}

export interface PlotSize {
  /** Characters, axis included. Kept within 12..400. */
  readonly width: number
  /** Lines. Kept within 1..50. */
  readonly height: number
}

export interface Names {
  /** What the y axis counts: `order id`. */
  readonly y: string
  /** Ends of the x axis, for people: `23:14:33`. */
  readonly from: string
  readonly to: string
}

const BLOCKS = ' ▁▂▃▄▅▆▇█'
const BRAILLE = 0x2800
/** Bits of the dots of a braille cell, two columns of four. */
const DOTS: readonly (readonly number[])[] = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
]

/** One dot for each point, in braille: two by four dots a character. */
export function scatterPlot(points: readonly Point[], size: PlotSize, names: Names): Plot {
  const shown = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))
  if (shown.length === 0) return { lines: [], text: `${names.y}: nothing to draw` }
  const x = range(shown.map((point) => point.x))
  const y = range(shown.map((point) => point.y))
  const { labels, columns, rows } = frame(y, size)
  const cells = new Uint8Array(columns * rows)
  for (const point of shown) {
    const dotX = place(point.x, x, columns * 2)
    const dotY = rows * 4 - 1 - place(point.y, y, rows * 4)
    cells[(dotY >> 2) * columns + (dotX >> 1)]! |= DOTS[dotX & 1]![dotY & 3]!
  }
  const lines: string[] = []
  for (let row = 0; row < rows; row++) {
    const glyphs = Array.from(cells.subarray(row * columns, (row + 1) * columns), (bits) =>
      bits === 0 ? ' ' : String.fromCharCode(BRAILLE + bits),
    )
    lines.push(`${labels[row]}│${glyphs.join('')}`)
  }
  lines.push(axis(labels[0]!.length, columns, names))
  const text = `${names.y}: ${shown.length} ${shown.length === 1 ? 'point' : 'points'} from ${number(y.least)} to ${number(y.most)}, ${trend(shown)}; ${names.from} to ${names.to}`
  return { lines, text }
}

/** One column for each value, from the bottom. Negative values count as zero. `mark`: a level worth a line of its own. */
export function columnPlot(values: readonly number[], size: PlotSize, names: Names, mark?: number): Plot {
  const counted = values.map((value) => (Number.isFinite(value) && value > 0 ? value : 0))
  if (counted.length === 0) return { lines: [], text: `${names.y}: nothing to draw` }
  const level = mark !== undefined && Number.isFinite(mark) && mark > 0 ? mark : null
  const most = counted.reduce((a, b) => Math.max(a, b), level ?? 0)
  const y = { least: 0, most }
  const { labels, columns, rows } = frame(y, size)
  const drawn = resample(counted, columns)
  const eighths = drawn.map((value) => {
    const height = most === 0 ? 0 : Math.round((value / most) * rows * 8)
    // What happened is seen, however small beside the rest.
    return value > 0 ? Math.max(1, height) : 0
  })
  const markRow = level === null ? -1 : rows - 1 - Math.min(rows - 1, Math.floor((level / most) * rows))
  const lines: string[] = []
  for (let row = 0; row < rows; row++) {
    const floor = (rows - 1 - row) * 8
    const glyphs = eighths.map((height) => {
      const filled = Math.max(0, Math.min(8, height - floor))
      return filled === 0 && row === markRow ? '·' : BLOCKS[filled]!
    })
    lines.push(`${labels[row]}│${glyphs.join('')}`)
  }
  lines.push(axis(labels[0]!.length, columns, names))
  const peak = counted.indexOf(counted.reduce((a, b) => Math.max(a, b), 0))
  const levelText = level === null ? '' : `; dotted line at ${number(level)}`
  const text = `${names.y}: ${counted.map(number).slice(0, 12).join(', ')}${counted.length > 12 ? ' …' : ''}; most ${number(counted[peak]!)} in part ${peak + 1} of ${counted.length}${levelText}; ${names.from} to ${names.to}`
  return { lines, text }
}

/** One character for each value, for a cell of a table. */
export function sparkline(values: readonly number[], width: number): string {
  const counted = values.map((value) => (Number.isFinite(value) && value > 0 ? value : 0))
  const drawn = counted.length > width ? resample(counted, Math.max(0, Math.floor(width))) : counted
  const most = drawn.reduce((a, b) => Math.max(a, b), 0)
  return drawn
    .map((value) => (value === 0 ? BLOCKS[0]! : BLOCKS[Math.max(1, Math.round((value / most) * 8))]!))
    .join('')
}

interface Range {
  readonly least: number
  readonly most: number
}

function range(values: readonly number[]): Range {
  return values.reduce<Range>((so, value) => ({ least: Math.min(so.least, value), most: Math.max(so.most, value) }), {
    least: Number.POSITIVE_INFINITY,
    most: Number.NEGATIVE_INFINITY,
  })
}

/** Index 0..places-1; the middle when all are the same. Halved first: the span of the largest numbers overflows. */
function place(value: number, { least, most }: Range, places: number): number {
  if (least === most) return places >> 1
  const share = (value / 2 - least / 2) / (most / 2 - least / 2)
  return Math.max(0, Math.min(places - 1, Math.floor(share * places)))
}

function frame(y: Range, size: PlotSize): { labels: readonly string[]; columns: number; rows: number } {
  const width = bounded(size.width, 12, 400)
  const rows = bounded(size.height, 1, 50)
  const top = number(y.most)
  const bottom = number(y.least)
  const label = Math.min(Math.max(top.length, bottom.length), width - 6)
  const labels = Array.from({ length: rows }, (_, row) => {
    const text = row === 0 ? top : row === rows - 1 ? bottom : ''
    return text.slice(0, label).padStart(label)
  })
  return { labels, columns: width - label - 1, rows }
}

function axis(label: number, columns: number, { from, to }: Names): string {
  const room = columns - from.length - to.length
  const line = room >= 1 ? `${from}${' '.repeat(room)}${to}` : from.slice(0, columns).padEnd(columns)
  return `${' '.repeat(label)} ${line}`
}

function bounded(value: number, least: number, most: number): number {
  return Number.isFinite(value) ? Math.max(least, Math.min(most, Math.floor(value))) : least
}

/** As many values as columns: stretched when there are fewer, the largest of each part when there are more. */
function resample(values: readonly number[], columns: number): number[] {
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * values.length) / columns)
    const to = Math.max(from + 1, Math.floor(((column + 1) * values.length) / columns))
    return values.slice(from, to).reduce((a, b) => Math.max(a, b), 0)
  })
}

/** How the points run from left to right: the share of steps up among all steps that move. */
function trend(points: readonly Point[]): string {
  const ordered = [...points].sort((a, b) => a.x - b.x)
  let up = 0
  let down = 0
  for (let at = 1; at < ordered.length; at++) {
    if (ordered[at]!.y > ordered[at - 1]!.y) up++
    else if (ordered[at]!.y < ordered[at - 1]!.y) down++
  }
  if (up + down === 0) return 'level'
  const share = up / (up + down)
  if (share >= 0.9) return 'rising'
  return share <= 0.1 ? 'falling' : 'up and down'
}

/** Whole numbers as they are, others with three digits; huge and tiny ones with an exponent. */
function number(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value)
  const size = Math.abs(value)
  return size >= 1e9 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(3)))
}
