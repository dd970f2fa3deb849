import { parseArgs } from 'node:util'
import type { Incident } from '../../daemon/model/incident.ts'
import { type EventTime, MINUTE_US } from '../../daemon/model/time.ts'
import { Analyzer, cpuMs, partitioner, sensed } from './split.ts'

/** What is found when the records of one input are divided over several analyzers, beside what one of them finds. */
const { values, positionals } = parseArgs({
  options: {
    analyzers: { type: 'string', default: '4' },
    partitions: { type: 'string', default: '12' },
    'share-minutes': { type: 'string', default: '0' },
  },
  allowPositionals: true,
})
const count = Number(values.analyzers)
const partitionOf = partitioner(Number(values.partitions))
const alone = new Analyzer()
const several = () => Array.from({ length: count }, () => new Analyzer())
const apart = several()
const shares = apart.map(() => 0)
const shareUs = Number(values['share-minutes']) * MINUTE_US
/** Those that tell each other what they learn. */
const together = shareUs > 0 ? several() : []
let sharedAt = 0
let shared = 0
let sharingMs = 0
let slowest: [part: string, ms: number] = ['', 0]
let toldBytes = 0
await sensed(positionals, ({ key, value }) => {
  alone.push(value)
  share(alone.assembly.chain.now)
  const index = partitionOf(key) % count
  shares[index]!++
  apart[index]!.push(value)
  together[index]?.push(value)
})
const one = alone.finish()
const total = shares.reduce((sum, share) => sum + share, 0)
console.log(`${total} transactions; by analyzer ${shares.join(', ')}`)
report('each by itself', apart)
if (together.length > 0) {
  report(`telling each other every ${values['share-minutes']} min what they learnt`, together)
  const each = (sharingMs / Math.max(1, shared * count)).toFixed(0)
  console.log(
    `\ntelling and hearing took an analyzer ${each} ms of CPU a time, ${slowest[0]} ${slowest[1].toFixed(0)} ms at most; one told ${toldBytes} bytes at most`,
  )
}

function report(how: string, analyzers: readonly Analyzer[]): void {
  const many = analyzers.flatMap((analyzer) => analyzer.finish())
  console.log(`\nincidents: 1 analyzer ${one.length}; ${count}, ${how}, ${many.length}\n`)
  console.log('detector               one  several  the same  only one  only several')
  const sums = [0, 0, 0, 0, 0]
  for (const detector of [...new Set([...one, ...many].map((incident) => incident.detector))].sort()) {
    const ofOne = one.filter((incident) => incident.detector === detector)
    const ofMany = many.filter((incident) => incident.detector === detector)
    const both = ofOne.filter((incident) => ofMany.some((other) => alike(incident, other)))
    const missed = ofOne.filter((incident) => !both.includes(incident))
    const added = ofMany.filter((incident) => !ofOne.some((other) => alike(incident, other)))
    const cells = [ofOne.length, ofMany.length, both.length, missed.length, added.length]
    for (const [i, cell] of cells.entries()) sums[i]! += cell
    console.log(row(detector, cells))
    for (const incident of ofOne) {
      const copies = ofMany.filter((other) => alike(incident, other))
      if (copies.length > 1) console.log(`  ${copies.length} times:      ${told(incident)}`)
    }
    for (const incident of missed) console.log(`  only one:     ${told(incident)}`)
    for (const incident of added) console.log(`  only several: ${told(incident)}`)
  }
  console.log(row('all', sums))
}

function row(name: string, cells: readonly number[]): string {
  return `${name.padEnd(22)} ${cells.map((cell) => String(cell).padStart(4)).join('      ')}`
}

/** In event time, as they would by way of the store: all that each learnt up to now. */
function share(now: EventTime): void {
  if (shareUs === 0 || !Number.isFinite(now)) return
  if (sharedAt === 0) sharedAt = now
  if (now - sharedAt < shareUs) return
  sharedAt = now
  shared++
  const begun = cpuMs()
  const told = together.map((analyzer) => analyzer.tell())
  for (const [index, analyzer] of together.entries()) {
    const [part, ms] = analyzer.hear(told.filter((_, other) => other !== index))
    if (ms > slowest[1]) slowest = [part, ms]
  }
  sharingMs += cpuMs() - begun
  toldBytes = Math.max(
    toldBytes,
    ...told.map((parts) => [...parts.values()].reduce((sum, text) => sum + text.length, 0)),
  )
}

/** Of one caller, by one detector. */
function alike(a: Incident, b: Incident): boolean {
  return a.detector === b.detector && a.subject.kind === b.subject.kind && a.subject.value === b.subject.value
}

function told({ severity, subject, why }: Incident): string {
  return `${severity} ${subject.kind} ${subject.value}: ${why}`
}
