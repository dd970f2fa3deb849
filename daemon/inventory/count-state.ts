import { DistinctCounter } from '../../analyzers/baselines/distinct-counter.ts'

/** A DistinctCounter as JSON: its few hashes, or its registers in base64. */
export type CountState = readonly number[] | { readonly registers: string; readonly count: number }

export function countState(counter: DistinctCounter): CountState {
  const state = counter.toState()
  const [registers, count] = state
  return typeof registers === 'string' ? { registers, count: count as number } : (state as number[])
}

export function countFrom(state: CountState): DistinctCounter {
  return DistinctCounter.fromState('registers' in state ? [state.registers, state.count] : [...state])
}
