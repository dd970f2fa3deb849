import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { syntheticCapture } from '../../scripts/bench/synthetic-capture.ts'
import { readCapture } from '../mutate/capture-file.ts'
import { dirtyReading, MIX, type MirrorReading, slowed } from './dirty-reading.ts'

const { values } = parseArgs({
  options: {
    program: { type: 'string', default: 'dist/offpath.js' },
    pairs: { type: 'string', default: '20000' },
    seeds: { type: 'string', default: '1,11,21' },
    tshark: { type: 'boolean', default: false },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'offpath-mirror-'))
const path = join(folder, 'mirror.pcap')
const row = (...cells: readonly (string | number)[]) =>
  process.stdout.write(
    `${cells.map((cell, at) => (at === 0 ? String(cell).padEnd(10) : String(cell).padStart(12))).join('')}\n`,
  )
const percent = (part: number, all: number) => `${((100 * part) / all).toFixed(2)} %`
let failed = false
try {
  const frames = slowed(readCapture(readFileSync(syntheticCapture(folder, Number(values.pairs)).path)))
  process.stdout.write(
    `${values.pairs} pairs; ${Object.entries(MIX)
      .map(([what, share]) => `${what} ${share * 100} %`)
      .join(', ')}\n`,
  )
  row('seed', 'reader', 'captured', 'recovered', '', 'wrong')
  for (const seed of values.seeds.split(',').map(Number)) {
    const dirty = await dirtyReading(frames, seed, values.program, (bytes) => {
      writeFileSync(path, bytes)
      return path
    })
    const print = (reader: string, { captured, recovered, wrong }: MirrorReading) =>
      row(seed, reader, captured, recovered, percent(recovered, captured), wrong)
    print('offpath', dirty.ours)
    if (values.tshark) print('tshark', await dirty.theirs())
    if (dirty.ours.wrong > 0 || dirty.ours.recovered < 0.995 * dirty.ours.captured) failed = true
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0
