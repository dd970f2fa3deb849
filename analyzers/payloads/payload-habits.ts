import { z } from 'zod'
import type { EventTime } from '../../daemon/model/time.ts'
import type { Principal } from '../../daemon/model/transaction.ts'
import type { SummaryCodec } from '../baselines/admission.ts'
import { DistinctCounter } from '../baselines/distinct-counter.ts'
import { amount, hash32, text } from '../baselines/state.ts'
import { AnswerSizes } from './answer-sizes.ts'
import { CLASSES, type FieldContent, KINDS } from './field-content.ts'
import type { FieldCarries } from './field-contents.ts'

/** Callers in good standing without whom a rule is never taken for harmless in a field. */
const LEAST_CALM = 5
/** The same where some are suspected for just these payloads: a whole crowd, from several networks, and no small part of all. */
const LEAST_CROWD = 10
const LEAST_NETWORKS = 3
const CROWD_SHARE = 0.05

/** What a field that carried nothing of the kind, or did, makes of a mark. */
export interface Judgement {
  /** Natural log of the odds, by what the field normally carries. */
  readonly logOdds: number
  /** Callers in whose benign requests the rule fired in this field, no less clearly. */
  readonly carried: number
  /** Callers of the endpoint that are known by now. */
  readonly callers: number
  /** What callers fill the field with; null while too little is known. */
  readonly content: FieldCarries | null
  /** The value is unlike it, and that is what the odds come from. */
  readonly unlike: boolean
}

/** What a caller teaches, once it comes through quarantine. */
export interface Vote {
  /** Of the endpoint, of the field and rule, or of the field. */
  readonly key: string
  readonly of: 'endpoint' | 'habit' | 'field'
  /** How clearly the rule fired: see LEVELS. */
  readonly level: number
  readonly hash: number
  readonly network: number
  /** Of a field. */
  readonly content?: FieldContent
}

const ContentState = z.tuple([
  z
    .int()
    .min(0)
    .max(KINDS.length - 1),
  z
    .int()
    .min(0)
    .max(2 ** CLASSES - 1),
  amount,
])
/** As it waits in a snapshot: key, what of, level, caller, network, content. */
const VoteState = z.tuple([
  text,
  z.enum(['endpoint', 'habit', 'field']),
  z.int().min(0).max(2),
  hash32,
  hash32,
  ContentState.nullable(),
])

/** How votes in quarantine are kept. */
export const VOTES: SummaryCodec<Vote, z.infer<typeof VoteState>> = {
  schema: VoteState,
  toState: ({ key, of, level, hash, network, content }) => [
    key,
    of,
    level,
    hash,
    network,
    content === undefined ? null : [content.kind, content.classes, content.length],
  ],
  fromState: ([key, of, level, hash, network, content]) => {
    const vote = { key, of, level, hash, network }
    if (content === null) return vote
    const [kind, classes, length] = content
    return { ...vote, content: { kind, classes, length } }
  },
}

/** Who calls an endpoint, and how it answers. */
export class Endpoint {
  key = ''
  /** Callers whose vote was offered. */
  seen = new DistinctCounter()
  /** Those whose vote came through quarantine. */
  callers = new DistinctCounter()
  /** The same with those of other analyzers; null while nobody else knows any. */
  everywhere: DistinctCounter | null = null
  answers = new AnswerSizes()
  last: Principal | null = null
  turn = 0
  /** When a request of it was last looked into for what its fields carry. */
  sampledAt: EventTime = 0
  /** Of an operation inside a document: all operations of the place together. */
  whole: Endpoint | null = null

  learnCaller(hash: number): void {
    this.callers.learnOne(hash)
    this.everywhere?.learnOne(hash)
  }

  /** The callers that other analyzers know, in the place of those they knew before. */
  hear(others: DistinctCounter | null): void {
    this.everywhere = null
    if (others === null) return
    this.everywhere = DistinctCounter.fromState(this.callers.toState())
    this.everywhere.merge(others)
  }
}

/** Who tripped a rule in a field while all was well. */
export class Tally {
  calm = new DistinctCounter()
  /** Also those who are suspected for it, and whence they came. */
  crowd = new DistinctCounter()
  networks = new DistinctCounter()
}

/**
 * A tally for each level, of those who tripped the rule at least so clearly: prose that says "select" does not teach a field
 * to carry `' UNION SELECT`.
 */
export class Habit {
  key = ''
  readonly levels: (Tally | null)[] = [null, null, null]

  at(level: number): Tally {
    this.levels[level] ??= new Tally()
    return this.levels[level]
  }
}

/** A tally, counted. */
export interface Counted {
  readonly calm: number
  readonly crowd: number
  readonly networks: number
}

/** Here and at other analyzers together; null where nobody tripped it. */
export function countedOf(own: Tally | null, elsewhere: Tally | null): Counted | null {
  const one = own ?? elsewhere
  if (one === null) return null
  const other = own === null ? null : elsewhere
  const count = (of: keyof Tally) => (other === null ? one[of].count : one[of].countWith(other[of]))
  return { calm: count('calm'), crowd: count('crowd'), networks: count('networks') }
}

/** Callers whose habit it is; `enough`: so many that it is taken for harmless. */
export interface Votes {
  readonly count: number
  readonly enough: boolean
}

/** Those who are suspected for it count only as a crowd: what was told must not keep the next from being told. */
export function votesOf({ calm, crowd, networks }: Counted, callers: number): Votes {
  const isCrowd = crowd >= LEAST_CROWD && networks >= LEAST_NETWORKS && crowd >= CROWD_SHARE * callers
  if (isCrowd) return { count: crowd, enough: true }
  return { count: calm, enough: calm >= LEAST_CALM }
}

export function endpointKey(service: string | null, endpoint: string | null): string {
  return `${service} ${endpoint ?? ''}`
}

export function fieldKey(endpoint: string, field: string): string {
  return `${endpoint}\n${field}`
}

/** Stands for all rules of a field. */
export const ANY_RULE = ''

export function habitKey(endpoint: string, field: string, rule: string): string {
  return `${endpoint}\n${field}\n${rule}`
}
