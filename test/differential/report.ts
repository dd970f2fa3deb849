import type { Compared } from './compare.ts'
import type { Difference } from './judge.ts'

/** Every difference of every capture, none left out, then the totals. `failed`: something is unexplained. */
export function report(all: readonly Compared[]): { text: string; failed: boolean } {
  const lines: string[] = []
  for (const { one, judgement } of all) {
    if (judgement.differences.length === 0) continue
    lines.push(`${one.name} (${one.how})`)
    for (const difference of judgement.differences) lines.push(`  ${describe(difference)}`)
  }
  const total = (of: (one: Compared) => number) => all.reduce((sum, one) => sum + of(one), 0)
  const differences = all.flatMap(({ judgement }) => judgement.differences)
  const hard = all.filter(({ one }) => one.features.size > 0)
  const unexplained = differences.filter(({ verdict }) => verdict === 'unexplained').length
  const wrong = total(({ judgement }) => judgement.wrongOffpath)
  const row = (name: string, tshark: number | string, offpath: number | string) =>
    `${name.padEnd(44)}${String(tshark).padStart(9)}${String(offpath).padStart(9)}`
  lines.push(
    '',
    `${all.length} captures, ${hard.length} of them with ${featureCounts(all)}`,
    row('', 'tshark', 'offpath'),
    row(
      'pairs',
      total(({ judgement }) => judgement.tshark),
      total(({ judgement }) => judgement.offpath),
    ),
    row(
      'pairs that never happened',
      total(({ judgement }) => judgement.wrongTshark),
      wrong,
    ),
    row(
      `of ${total(({ judgement }) => judgement.captured)} pairs captured whole`,
      total(({ judgement }) => judgement.capturedByTshark),
      total(({ judgement }) => judgement.capturedByOffpath),
    ),
    `${total(({ judgement }) => judgement.both)} pairs in both; ${differences.length} differences`,
    ...reasons(differences),
    `unexplained ${unexplained}, wrong pairs of offpath ${wrong}`,
    '',
  )
  return { text: lines.join('\n'), failed: unexplained > 0 || wrong > 0 }
}

const who = (only: Difference['only']) => (only === 'neither' ? only : `only ${only}`)

/** Targets are text from the wire: nothing of it may move the cursor. */
function describe({ only, what, verdict, reason }: Difference): string {
  const plain = what.replace(/[^\x20-\x7e]/g, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
  return `${who(only)}: ${plain}; ${verdict}: ${reason}`
}

function featureCounts(all: readonly Compared[]): string {
  const counts = new Map<string, number>()
  for (const { one } of all) for (const feature of one.features) counts.set(feature, (counts.get(feature) ?? 0) + 1)
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([name, count]) => `${name} (${count})`)
    .join(', ')
}

function reasons(differences: readonly Difference[]): string[] {
  const counts = new Map<string, number>()
  for (const { only, verdict, reason } of differences) {
    const key = `${who(only)}, ${verdict}: ${reason}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([key, count]) => `${String(count).padStart(7)}  ${key}`)
}
