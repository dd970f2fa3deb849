import type { Counters } from '../../telemetry/counters.ts'
import type { PayloadCheck } from '../payload.ts'
import { NO_RULES, type PayloadRule } from './rule.ts'

type Compile = (rules: readonly PayloadRule[], counters: Counters) => readonly PayloadCheck[]

let compile: Compile | null = null

/** Loads what reads patterns and conditions, which who has no rules need not wait for. Before rules are used in this process or thread. */
export async function loadRuleCompiler(rules: readonly PayloadRule[]): Promise<void> {
  if (rules.length > 0) compile ??= (await import('./compile.ts')).compileRules
}

/** The same, of who has it at hand: a process that gives up its rights may be able to load no more. */
export function useRuleCompiler(own: Compile): void {
  compile = own
}

export function checksOf(rules: readonly PayloadRule[], counters: Counters): readonly PayloadCheck[] {
  if (rules === NO_RULES || rules.length === 0) return []
  if (compile === null) throw new Error('rules are used before what compiles them is loaded')
  return compile(rules, counters)
}
