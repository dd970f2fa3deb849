import type { LearningPart, SharedLearning } from '../model/learning.ts'

/** Of one part of one analyzer, in characters; what is more is not told. */
export const MAX_TOLD = 8 * 1024 * 1024

/** What a part tells, as JSON Lines. `cut`: there was more than is told. */
export function toldLines(shared: SharedLearning, most = MAX_TOLD): { readonly text: string; readonly cut: boolean } {
  const lines: string[] = []
  let length = 0
  for (const value of shared.tell()) {
    const line = `${JSON.stringify(value)}\n`
    length += line.length
    if (length > most) return { text: lines.join(''), cut: true }
    lines.push(line)
  }
  return { text: lines.join(''), cut: false }
}

/** The part takes what all others told, in the place of what it had from them. Throws at a line that is none of it. */
export function hearLines(shared: SharedLearning, texts: readonly string[]): void {
  shared.hear(valuesOf(texts))
}

export type SharedPart = LearningPart & { readonly shared: SharedLearning }

export function sharedOf(parts: readonly LearningPart[]): readonly SharedPart[] {
  return parts.filter((part): part is SharedPart => part.shared !== undefined)
}

function* valuesOf(texts: readonly string[]): Generator<unknown> {
  for (const text of texts) {
    for (let from = 0; from < text.length; ) {
      const end = text.indexOf('\n', from)
      const line = end < 0 ? text.slice(from) : text.slice(from, end)
      from = end < 0 ? text.length : end + 1
      yield JSON.parse(line)
    }
  }
}
