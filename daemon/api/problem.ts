import { StoreDown } from '../../sinks/store/inserter.ts'
import { ERROR_CODES, type ErrorCode, OffpathError } from '../telemetry/errors.ts'

/** Errors on the wire: RFC 9457 problem details, with the code, the place and the remedy of an OffpathError. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode | 'OFFPATH_E_INTERNAL'
  readonly at?: string
  readonly remedy?: string
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  OFFPATH_E_USAGE: 400,
  OFFPATH_E_QUERY: 400,
  OFFPATH_E_NOT_FOUND: 404,
  OFFPATH_E_STATE: 409,
  OFFPATH_E_RUNNING: 409,
  OFFPATH_E_POLICY: 422,
  OFFPATH_E_STORE: 503,
  OFFPATH_E_CHDB_MISSING: 503,
  OFFPATH_E_MIGRATION: 503,
  OFFPATH_E_UNREACHABLE: 503,
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** A refusal of the server itself: its status is not that of its code. */
export class RefusedRequest extends OffpathError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    message: string,
    more: { at?: string; remedy?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super('OFFPATH_E_USAGE', message, more)
    this.status = status
    this.headers = more.headers ?? {}
  }
}

/** What the other side is told. A bug says no more than that it is one. */
export function problemOf(thrown: unknown): Problem {
  const error =
    thrown instanceof StoreDown
      ? new OffpathError('OFFPATH_E_STORE', `the store does not answer: ${thrown.message}`, {
          remedy: 'offpath status',
        })
      : thrown
  if (!(error instanceof OffpathError)) {
    const detail = 'this is a bug in Offpath; the log says more'
    return { type: 'about:blank', title: TITLES[500]!, status: 500, detail, code: 'OFFPATH_E_INTERNAL' }
  }
  const status = error instanceof RefusedRequest ? error.status : (STATUS[error.code] ?? 500)
  return {
    type: 'about:blank',
    title: TITLES[status] ?? 'Error',
    status,
    detail: error.message,
    code: error.code,
    ...(error.at === undefined ? {} : { at: error.at }),
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
  }
}

/** The error that a problem was made from, or null when the text is none. */
export function errorOf(text: string): Error | null {
  let problem: Partial<Record<keyof Problem, unknown>>
  try {
    problem = JSON.parse(text) as typeof problem
  } catch {
    return null
  }
  if (typeof problem !== 'object' || problem === null || typeof problem.detail !== 'string') return null
  const { code, detail, at, remedy } = problem
  if (typeof code !== 'string' || !Object.hasOwn(ERROR_CODES, code)) return new Error(detail)
  return new OffpathError(code as ErrorCode, detail, {
    ...(typeof at === 'string' ? { at } : {}),
    ...(typeof remedy === 'string' ? { remedy } : {}),
  })
}
