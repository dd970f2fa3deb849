import { z } from 'zod'
import { DistinctState } from '../../analyzers/baselines/distinct-counter.ts'
import { PrincipalState } from '../../analyzers/baselines/principal-key.ts'
import { amount, flag, hash32, text, time } from '../../analyzers/baselines/state.ts'
import { ROLES } from '../model/transaction.ts'

const few = <Value extends z.ZodType>(value: Value) => z.tuple([z.array(value).max(64), flag])

/** One caller: see CallerProfile. */
export const ProfileState = z.tuple([
  PrincipalState,
  z.tuple([time, time, time]),
  /** requests, reads, refused, bytes, sampled, rare, topRequests, topVotes, pauses, pauseMean, pauseSpread, hours, days, lastDay */
  z.array(amount).length(14),
  hash32.nullable(),
  few(hash32),
  DistinctState,
  few(hash32),
  few(text),
  few(hash32),
  few(text),
  few(text),
  z.enum(['browser', 'app', 'program', 'bot', 'monitor', 'none']),
  z.enum(ROLES).nullable(),
  /** Numbers of autonomous systems, and who has them. */
  z.array(z.tuple([amount, text.nullable()])).max(64),
  /** See MainCalls. */
  z.tuple([amount, z.array(z.tuple([text, text, amount, amount])).max(64)]),
])
export type ProfileState = z.infer<typeof ProfileState>

/** One value of a snapshot of callers. */
export const ProfilesLine = z.union([
  z.tuple([z.literal('users'), DistinctState]),
  z.tuple([z.literal('use'), text, text, amount, DistinctState]),
  z.tuple([z.literal('caller'), ProfileState, amount]),
])
export type ProfilesLine = z.infer<typeof ProfilesLine>
