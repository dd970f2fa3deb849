import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CaptureNote } from '../../scripts/capture/note.ts'

export const CAPTURES = join(import.meta.dirname, '..', 'captures')

/** Every capture of test/captures with its note, by name. */
export function captureNotes(): { readonly name: string; readonly path: string; readonly note: CaptureNote }[] {
  return readdirSync(CAPTURES)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const note = JSON.parse(readFileSync(join(CAPTURES, file), 'utf8')) as CaptureNote
      return { name: file.slice(0, -'.json'.length), path: join(CAPTURES, note.file), note }
    })
}

/** Lines that stand in one list and not in the other, each as often as it does. */
export function difference(left: readonly string[], right: readonly string[]): { left: string[]; right: string[] } {
  const rest = [...right]
  const onlyLeft = left.filter((line) => {
    const at = rest.indexOf(line)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
  return { left: onlyLeft, right: rest }
}
