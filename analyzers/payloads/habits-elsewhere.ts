import { z } from 'zod'
import { DistinctCounter, DistinctState } from '../baselines/distinct-counter.ts'
import { amount, text } from '../baselines/state.ts'
import { CLASSES, KINDS } from './field-content.ts'
import type { Carried } from './field-contents.ts'
import { Tally } from './payload-habits.ts'

const MAX_ENDPOINTS = 8192
const MAX_TALLIES = 32_768
const MAX_FIELDS = 16_384

const count = z.int().min(0).max(1e12)
const Callers = z.tuple([z.literal('endpoint'), text, DistinctState])
const Habits = z.tuple([z.literal('habit'), text, z.int().min(0).max(2), DistinctState, DistinctState, DistinctState])
const Contents = z.tuple([
  z.literal('field'),
  text,
  z.tuple([count, z.array(count).length(KINDS.length), z.array(count).length(CLASSES), amount]),
])
export type ToldHabit = z.infer<typeof Callers> | z.infer<typeof Habits> | z.infer<typeof Contents>

/** By hand: a union tries one after the other, and makes an error of each that it is not. */
function toldHabit(line: unknown): ToldHabit {
  const kind: unknown = Array.isArray(line) ? line[0] : null
  return (kind === 'endpoint' ? Callers : kind === 'habit' ? Habits : Contents).parse(line)
}

/**
 * What other analyzers know of what fields normally carry: callers of endpoints, who tripped which rule, what fields are filled with.
 *
 * Memory     8,192 endpoints, 32,768 tallies and 16,384 fields, 0.3 KiB each as a rule; more are left out
 */
export class HabitsElsewhere {
  #endpoints = new Map<string, DistinctCounter>()
  #tallies = new Map<string, Tally>()
  #fields = new Map<string, Carried>()

  get size(): number {
    return this.#endpoints.size + this.#tallies.size + this.#fields.size
  }

  get limit(): number {
    return MAX_ENDPOINTS + MAX_TALLIES + MAX_FIELDS
  }

  /** Voters who call an endpoint. */
  callers(endpoint: string): DistinctCounter | null {
    return this.#endpoints.get(endpoint) ?? null
  }

  tally(habit: string, level: number): Tally | null {
    return this.#tallies.get(tallyKey(habit, level)) ?? null
  }

  carried(field: string): Readonly<Carried> | null {
    return this.#fields.get(field) ?? null
  }

  /** The lines of all others together replace all that was known. Throws at one that is none, and then nothing has changed. */
  hear(lines: Iterable<unknown>): void {
    const heard = new HabitsElsewhere()
    for (const line of lines) heard.#add(toldHabit(line))
    this.#endpoints = heard.#endpoints
    this.#tallies = heard.#tallies
    this.#fields = heard.#fields
  }

  #add(told: ToldHabit): void {
    const [, key] = told
    switch (told[0]) {
      case 'endpoint': {
        const callers = DistinctCounter.fromState(told[2])
        const known = this.#endpoints.get(key)
        if (known !== undefined) known.merge(callers)
        else if (this.#endpoints.size < MAX_ENDPOINTS) this.#endpoints.set(key, callers)
        return
      }
      case 'habit': {
        const place = tallyKey(key, told[2])
        const tally = this.#tallies.get(place) ?? new Tally()
        tally.calm.merge(DistinctCounter.fromState(told[3]))
        tally.crowd.merge(DistinctCounter.fromState(told[4]))
        tally.networks.merge(DistinctCounter.fromState(told[5]))
        if (this.#tallies.size < MAX_TALLIES) this.#tallies.set(place, tally)
        return
      }
      case 'field': {
        const [callers, kinds, classes, longest] = told[2]
        const known = this.#fields.get(key)
        if (known !== undefined) addCarried(known, { callers, kinds, classes, longest })
        else if (this.#fields.size < MAX_FIELDS) this.#fields.set(key, { callers, kinds, classes, longest })
      }
    }
  }
}

function addCarried(sum: Carried, { callers, kinds, classes, longest }: Carried): void {
  sum.callers += callers
  for (const [i, value] of kinds.entries()) sum.kinds[i]! += value
  for (const [i, value] of classes.entries()) sum.classes[i]! += value
  sum.longest = Math.max(sum.longest, longest)
}

function tallyKey(habit: string, level: number): string {
  return `${level} ${habit}`
}
