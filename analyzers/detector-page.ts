import { z } from 'zod'
import type { DetectorDeclaration } from './detector.ts'
import { DETECTOR_IDS } from './detector-ids.ts'
import { describedForOperators, snakeCase } from './option-names.ts'

/** The page docs/detectors/<id>.md, generated from what the detector declares, so that the two cannot differ. */
export function detectorPage(declaration: DetectorDeclaration): string {
  const { id, title, owasp, attack } = declaration
  const describes = describedForOperators(declaration)
  const lines = [
    `# ${id}: ${title}`,
    '',
    `OWASP ${owasp.length === 0 ? '-' : owasp.join(', ')} · ATT&CK ${attack.length === 0 ? '-' : attack.join(', ')}`,
    '',
    section('What it detects', describes.detects),
    section('How', describes.statistic),
    section('Warm-up', describes.warmUp),
    section('What must not fool it, and what it misses', describes.traps),
    section('Tuning', describes.tuning),
    optionsTable(declaration),
    section('Memory', describes.memory),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

/** docs/detectors/README.md: all of them, by id. */
export function detectorIndex(declarations: readonly DetectorDeclaration[]): string {
  const rows = declarations.map(
    ({ id, title, owasp, attack }) => `| [${id}](${id}.md) | ${title} | ${owasp.join(', ')} | ${attack.join(', ')} |`,
  )
  return [
    '# Detectors',
    '',
    'One page each: what it detects and why, how it decides, its memory, what must not fool it, how it is tuned. `offpath detector show ID`',
    'prints the same. What they do not see is on one page: [missed.md](../missed.md).',
    '',
    '| detector | | OWASP API Security 2023 | ATT&CK |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

/** docs/missed.md: what each says that it misses, and the ids that have no detector yet. */
export function missedPage(declarations: readonly DetectorDeclaration[]): string {
  const groups = new Map<string, string[]>()
  for (const declaration of declarations) {
    const text = missedBy(declaration)
    groups.set(text, [...(groups.get(text) ?? []), declaration.id])
  }
  const built = new Set(declarations.map(({ id }) => id))
  const planned = DETECTOR_IDS.filter((id) => !built.has(id))
  return [
    '# What is missed, and why',
    '',
    'In the words of the detectors themselves ([their pages](detectors/README.md)); how often, as far as it was measured: [simulation.md](simulation.md),',
    '[detection-evaluation.md](detection-evaluation.md), [payloads-evaluation.md](payloads-evaluation.md). What somebody can teach them wrongly: [poisoning.md](poisoning.md).',
    '',
    'For all of them: what is encrypted where it is mirrored is not seen, nor what the mirror loses; callers who cannot be told apart are one; and what was going',
    'on when learning began is taken for usual.',
    '',
    ...[...groups].map(([text, ids]) => `- ${ids.map((id) => `**${id}**`).join(', ')}: ${text}`),
    '',
    `Without a detector yet, although their ids are reserved: ${planned.join(', ')}.`,
    '',
  ].join('\n')
}

/** The sentences of its traps from `Missed:` on, but not what is told although harmless. */
function missedBy(declaration: DetectorDeclaration): string {
  const { traps } = describedForOperators(declaration)
  const from = traps.indexOf(MISSED)
  if (from < 0) throw new Error(`${declaration.id} does not say what it misses`)
  return traps
    .slice(from + MISSED.length)
    .split(HARMLESS)[0]!
    .trim()
}

const MISSED = 'Missed:'
const HARMLESS = 'Told although harmless:'

function section(heading: string, text: string): string {
  return `## ${heading}\n\n${text}\n`
}

function optionsTable(declaration: DetectorDeclaration): string {
  const schema = z.toJSONSchema(declaration.options, { io: 'input' })
  const properties = Object.entries(schema.properties ?? {})
  if (properties.length === 0) return ''
  const rows = properties.map(([name, property]) => {
    if (typeof property === 'boolean') return `| \`${snakeCase(name)}\` | | |`
    return `| \`${snakeCase(name)}\` | ${JSON.stringify(property.default)} | ${property.description ?? ''} |`
  })
  return ['| option | default | |', '| --- | --- | --- |', ...rows, ''].join('\n')
}
