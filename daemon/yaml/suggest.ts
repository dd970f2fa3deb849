/**
 * The known word nearest to a mistyped one, or null when none is near: at most a third of its letters may differ
 * (insert, delete, replace, swap neighbours), and one letter always may.
 */
export function nearest(word: string, known: Iterable<string>): string | null {
  const typed = normalise(word)
  let best: string | null = null
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const distance = editDistance(typed, normalise(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return bestDistance <= Math.max(1, Math.floor(typed.length / 3)) ? best : null
}

/** Case and the separators people mix up count for nothing: `snapLength`, `snap-length` and `snap_length` are one word. */
function normalise(word: string): string {
  return word.slice(0, 64).toLowerCase().replace(/[-_]/g, '')
}

/** Optimal string alignment distance. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1))
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, beforeLast[column - 2]! + 1)
      }
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}
