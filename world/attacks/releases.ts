import { HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import type { Condition } from '../condition.ts'
import { operationOf } from '../estate/estate.ts'
import type { World } from '../world.ts'
import { defineAttack } from './attack.ts'

/** What a release, or a dependency, does to a service: nobody attacks, and everybody is concerned. */

type Change = Pick<Condition, 'errors' | 'slower' | 'silent' | 'adds'> & { readonly forUs: number }

const WELL: Change = { errors: 0, slower: 1, silent: false, adds: '', forUs: HOUR_US }

function change(
  name: string,
  detector: string | null,
  summary: string,
  changes: readonly [Partial<Change>, Partial<Change>, Partial<Change>],
  pick: (world: World) => Pick<Condition, 'service' | 'operation'>,
) {
  const [blatant, moderate, stealthy] = changes.map((each) => ({ ...WELL, ...each })) as [Change, Change, Change]
  return defineAttack<Change>({
    name,
    detector,
    summary,
    crowded: true,
    intensities: { blatant, moderate, stealthy },
    begin: (world, { forUs, ...rest }, label, nowUs) => {
      world.endConditions(nowUs)
      world.impose({ ...pick(world), ...rest, fromUs: nowUs, untilUs: nowUs + forUs, label })
      return []
    },
  })
}

const shop = ({ estate }: World) => ({ service: estate.services.shop, operation: null })
const graph = ({ estate }: World) => ({ service: estate.services.graph, operation: null })
const social = ({ estate }: World) => ({ service: estate.services.social, operation: null })
const profile = ({ estate }: World) => {
  const service = estate.services.shop
  return { service, operation: operationOf(service, 'GET /v1/me') }
}

export const moreErrors = change(
  'regression.errors',
  'regression.errors',
  'after a release a share of the answers is 500',
  [{ errors: 0.4 }, { errors: 0.12 }, { errors: 0.03 }],
  shop,
)
export const slowerAnswers = change(
  'regression.latency',
  'regression.latency',
  'after a release answers take longer',
  [{ slower: 6 }, { slower: 2.5 }, { slower: 1.5 }],
  graph,
)
export const goneSilent = change(
  'regression.silence',
  'regression.silence',
  'a service goes dark',
  [{ silent: true, forUs: 3 * HOUR_US }, { silent: true }, { silent: true, forUs: 15 * MINUTE_US }],
  social,
)
export const exposedFields = change(
  'property.exposure',
  'property.exposure',
  'after a release the profile shows what it should not',
  [
    { adds: '"password_hash":"$2b$12$C6UzMDM.H6dfI","iban":"DE02100100100006820101","ssn":"536-90-4399"' },
    { adds: '"iban":"DE02100100100006820101"' },
    { adds: '"internal_score":7,"birth_date":"1984-05-01"' },
  ],
  profile,
)
/** Trap: what it depends on is slow, and a few requests fail with it. */
export const slowDependency = change(
  'twin.slow_dependency',
  null,
  'a dependency is slow for some minutes: everything that uses it waits',
  [
    { slower: 4, errors: 0.01, forUs: 10 * MINUTE_US },
    { slower: 2.5, forUs: 8 * MINUTE_US },
    { slower: 1.6, forUs: 5 * MINUTE_US },
  ],
  shop,
)
/** Trap: a release that adds harmless fields. */
export const newFields = change(
  'twin.new_fields',
  null,
  'a release adds fields to the profile, for everybody',
  [
    { adds: '"loyalty_level":2,"badges":["early"],"theme":"dark"' },
    { adds: '"loyalty_level":2' },
    { adds: '"theme":"dark"' },
  ],
  profile,
)
