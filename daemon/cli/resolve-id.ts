import { OffpathError } from '../telemetry/errors.ts'

/** Length of a whole id: contracts.md, 128 bits in base32. */
const WHOLE = 26
const MAX_NEAR = 3

/**
 * The id that was meant: itself, or the only known one that begins so. Nothing or several: OFFPATH_E_NOT_FOUND, with those
 * that come near.
 */
export function resolveId(what: 'incident' | 'action', given: string, known: readonly string[]): string {
  if (known.includes(given)) return given
  const beginning = given === '' ? [] : known.filter((id) => id.startsWith(given.toLowerCase()))
  if (beginning.length === 1) return beginning[0]!
  if (beginning.length > 1) {
    throw new OffpathError('OFFPATH_E_NOT_FOUND', `${beginning.length} ${what}s begin with ${given}`, {
      remedy: `one of ${beginning.slice(0, MAX_NEAR).join(', ')}${beginning.length > MAX_NEAR ? ', …' : ''}`,
    })
  }
  // One that the list no longer has may still be stored.
  if (given.length === WHOLE) return given
  throw notFound(what, given, known)
}

export function notFound(what: 'incident' | 'action', given: string, known: readonly string[]): OffpathError {
  const near = nearIds(given, known)
  const remedy = near.length === 0 ? `offpath ${what} list` : `did you mean ${near.join(' or ')}? offpath ${what} list`
  return new OffpathError('OFFPATH_E_NOT_FOUND', `there is no ${what} ${given.slice(0, 64)}`, { remedy })
}

/** Ids sort by time and share their beginning: near is what differs in at most two places, then what begins alike. */
function nearIds(given: string, known: readonly string[]): string[] {
  const differences = (id: string): number => {
    let count = Math.abs(id.length - given.length)
    for (let at = 0; at < Math.min(id.length, given.length); at++) if (id[at] !== given[at]) count++
    return count
  }
  const alike = known.filter((id) => differences(id) <= 2)
  const beginning =
    given.length >= 4 ? known.filter((id) => id.startsWith(given.slice(0, Math.max(4, given.length - 2)))) : []
  return [...new Set([...alike, ...beginning])].slice(0, MAX_NEAR)
}
