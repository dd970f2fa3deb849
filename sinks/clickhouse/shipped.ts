import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface ShippedText {
  /** Without folder and `.sql`. */
  readonly name: string
  readonly text: string
}

/** Deepest that a bundle lies below the root of the checkout. */
const MAX_LEVELS = 4

/**
 * The *.sql files of a folder of this repository, by name. The build copies such folders beside the bundled program, under their
 * last name; from source they stand where they are. Read once: the process may give up the right to read them meanwhile.
 */
export function shippedSql(folder: string): readonly ShippedText[] {
  const known = READ.get(folder)
  if (known !== undefined) return known
  const here = import.meta.dirname
  const places = [join(here, basename(folder))]
  for (let up = '', level = 0; level < MAX_LEVELS; level++) {
    places.push(join(here, up, folder))
    up = join(up, '..')
  }
  const found = places.find((place) => statSync(place, { throwIfNoEntry: false })?.isDirectory() === true)
  if (found === undefined) throw new Error(`${folder} is not where the program is: the installation is incomplete`)
  const texts = readdirSync(found)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({ name: name.slice(0, -'.sql'.length), text: readFileSync(join(found, name), 'utf8') }))
  READ.set(folder, texts)
  return texts
}

const READ = new Map<string, readonly ShippedText[]>()
