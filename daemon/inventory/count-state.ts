import { DistinctCounter } from '../../analyzers/baselines/distinct-counter.ts'

/** A DistinctCounter as JSON: its few hashes, or its registers in base64. */
export type CountState = readonly number[] | { readonly registers: string; readonly count: number }

export function countState(counter: DistinctCounter): CountState {
  const { exact, registers, count } = counter.toState()
  return registers === null ? exact : { registers: Buffer.from(registers).toString('base64'), count }
}

export function countFrom(state: CountState): DistinctCounter {
  if (!('registers' in state)) return DistinctCounter.fromState({ exact: state, registers: null, count: state.length })
  const registers = [...Buffer.from(state.registers, 'base64')]
  return DistinctCounter.fromState({ exact: [], registers, count: state.count })
}
