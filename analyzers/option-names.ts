import { z } from 'zod'
import type { DetectorDeclaration, DetectorDescription } from './detector.ts'

/** Options are camel case in code and snake case in offpath.yaml; an operator only ever sees the latter. */

export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** The documentation block, with options named as in the configuration: `maxCallers` is `max_callers` there. */
export function describedForOperators({ describes, options }: DetectorDeclaration): DetectorDescription {
  const names = new Set(Object.keys(z.toJSONSchema(options, { io: 'input' }).properties ?? {}))
  const rename = (text: string) =>
    text.replace(/\b[a-z]+[A-Z]\w*\b/g, (word) => (names.has(word) ? snakeCase(word) : word))
  return {
    detects: rename(describes.detects),
    statistic: rename(describes.statistic),
    memory: rename(describes.memory),
    warmUp: rename(describes.warmUp),
    traps: rename(describes.traps),
    tuning: rename(describes.tuning),
  }
}
