import { OffpathError } from '../telemetry/errors.ts'
import type { FromEngine } from './engine-protocol.ts'

type Failure = Extract<FromEngine, { kind: 'failed' }>

/** Why the engine ends, as a message to control: what a person can act on, or the stack of what nobody foresaw. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof OffpathError)) {
    return {
      kind: 'failed',
      code: null,
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }
  }
  const { code, message, at, remedy } = error
  return {
    kind: 'failed',
    code,
    message,
    ...(at === undefined ? {} : { at }),
    ...(remedy === undefined ? {} : { remedy }),
  }
}

/** The error that such a message was made from. */
export function errorOf({ code, message, at, remedy }: Failure): Error {
  if (code === null) return new Error(message)
  return new OffpathError(code, message, {
    ...(at === undefined ? {} : { at }),
    ...(remedy === undefined ? {} : { remedy }),
  })
}
