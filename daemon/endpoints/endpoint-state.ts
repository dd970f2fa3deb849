import { z } from 'zod'
import { PathNodeState } from './path-node.ts'

const text = z.string().max(65_536)
const count = z.int().min(0)

/** Endpoint, service, answers, principals, grants, whether it only ever refused. */
export const CandidateState = z.tuple([text, text, count, z.array(text).max(16), count, z.boolean()])
export type CandidateState = z.infer<typeof CandidateState>

/** One line of what is known of endpoints (EndpointMapper.snapshot). */
export const EndpointLineState = z.union([
  z.tuple([z.literal('counts'), count, count]),
  z.tuple([z.literal('service'), text, count, count, count]),
  z.tuple([z.literal('place'), text, z.array(text).max(256), PathNodeState]),
  z.tuple([z.enum(['endpoint', 'candidate']), text, CandidateState]),
])
export type EndpointLine = z.infer<typeof EndpointLineState>
