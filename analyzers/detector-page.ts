import { z } from 'zod'
import type { DetectorDeclaration } from './detector.ts'
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
