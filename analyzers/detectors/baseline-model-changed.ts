import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText } from '../finding.ts'
import type { ModelChange } from '../model-change.ts'
import { tickSignal } from '../tick-signal.ts'

/** It has happened; what is uncertain is only why. */
const CERTAIN_LOG10_P = -12

/** Says what the other detectors have given up. It has no state: a change is told at the next tick. */
class BaselineModelChanged implements Detector {
  observe(): null {
    return null
  }

  tick(): void {}

  review(changes: readonly ModelChange[], now: EventTime): readonly Signal[] {
    return changes.map((change) => changeSignal(change, now))
  }

  sizes() {
    return {}
  }

  maturity(): number {
    return 1
  }
}

function changeSignal(change: ModelChange, now: EventTime): Signal {
  const { detector, service, endpoint, rule, callers, brokenBy, days } = change
  const held = Math.round(change.held).toLocaleString('en-US')
  const breakers = Math.max(1, Math.round(brokenBy))
  return tickSignal(
    'baseline.model_changed',
    {
      subject: { kind: 'endpoint', value: `${service} ${endpoint}`.trim() },
      about: service,
      service,
      log10P: CERTAIN_LOG10_P,
      maturity: 1,
      severity: 'low',
      why: `${endpoint}: "${rule}" held in ${held} answers to ${countText(callers, 'caller')} and does not any more: ${countText(breakers, 'caller')} broke it${days > 1 ? ` on ${countText(days, 'day')}` : ''}. ${detector} no longer judges by it: if no release or migration explains that, somebody may have worn it down`,
      expected: rule,
      observed: `broken by ${countText(breakers, 'caller')}`,
      evidence: {
        model: detector,
        rule,
        held: Math.round(change.held),
        callers: Math.round(callers),
        broken_by: breakers,
        days: Math.max(1, Math.round(days)),
      },
    },
    now,
  )
}

export const baselineModelChanged = defineDetector({
  id: 'baseline.model_changed',
  title: 'A rule that was judged by does not hold any more',
  owasp: [],
  attack: [],
  describes: {
    detects:
      'Something that held long enough to judge by, and is given up since too many callers break it: whose an object is, by one field of an endpoint. From then on object.ownership is silent there, so a person should know why: a release that changed what an answer shows, a migration that gave everybody another number, a new kind of access, or somebody who wore the rule down.',
    statistic:
      'None: it is told when it happens. The rules are those of object.ownership that held in 316 answers or more, which is what it takes to tell a single foreign object, and that a sequential test had shown, 100 to 1, to be broken by 1 % of the callers rather than 7 %. One is given up when 7 % of its callers break it, or 2 % again and again (5 % unless on three days). Callers with an open incident do not count, so that a thief cannot spoil what finds him.',
    memory: 'Nothing is kept; at most 64 changes wait for the next tick.',
    warmUp: 'None of its own: a rule must have been in force.',
    traps:
      'A migration that renames all customers gives up a rule and is told, since what is blind afterwards should be known. A rule that was only about to hold, or was never shown to be broken by hardly anybody, ends in silence: it has not changed. Those are counted (`object.ownership/rules_given_up`, evicted). Missed: other models (rates, sizes, populations) that move slowly; their limits rise 20 % a day at most instead.',
    tuning: 'Nothing; a policy may leave out services whose migrations are known (`unless`).',
  },
  options: z.strictObject({}),
  create: () => new BaselineModelChanged(),
})
