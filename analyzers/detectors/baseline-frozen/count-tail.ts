/** What is thought of the mean before anything was counted: half an event in half a period. */
const PRIOR = 0.5

/**
 * log10 of the probability of `count` events or more in a period, when `past` were counted in `periods` periods before: a gamma-Poisson
 * (negative binomial) tail, so that little knowledge of the mean makes it longer.
 */
export function logTailOfCount(count: number, past: number, periods: number): number {
  const shape = PRIOR + past
  const rate = PRIOR + periods
  // P(N = n) = Γ(shape + n) / (Γ(shape) n!) q^shape (1 - q)^n
  const q = rate / (rate + 1)
  let log = shape * Math.log(q)
  for (let n = 0; n < count; n++) log += Math.log(((shape + n) / (n + 1)) * (1 - q))
  // The terms beyond fall faster than by this ratio once they fall at all; below the mean there is nothing improbable.
  const ratio = ((shape + count) / (count + 1)) * (1 - q)
  if (ratio >= 1) return 0
  return Math.min(0, (log - Math.log(1 - ratio)) / Math.LN10)
}
