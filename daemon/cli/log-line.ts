import pc from 'picocolors'
import { escapeTerminal } from '../../sinks/escape.ts'

/** One log record for people: `20:00:01 WARN  the message  key=value`. Takes the JSON that goes to a pipe or file as it is. */
export function prettyLogLine(record: string, colour: boolean): string {
  const { level, time, msg, ...rest } = JSON.parse(record) as Record<string, unknown>
  const colours = pc.createColors(colour)
  const paint = level === 'error' ? colours.red : level === 'warn' ? colours.yellow : colours.dim
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${escapeTerminal(plain(value))}`)
  const clock = String(time).slice(11, 19)
  const text = escapeTerminal(String(msg ?? ''))
  return `${colours.dim(clock)} ${paint(String(level).toUpperCase().padEnd(5))} ${[text, ...fields.map(colours.dim)].join('  ')}\n`
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
