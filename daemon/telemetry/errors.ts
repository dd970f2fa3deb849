/** What an operator can fix. Every code stands here; docs/errors.md is kept equal by a test. A retired code is never reused. */
export const ERROR_CODES = {
  OFFPATH_E_USAGE: { exit: 2, meaning: 'The command line is wrong.' },
  OFFPATH_E_CONFIG: { exit: 78, meaning: 'The configuration file is wrong.' },
  OFFPATH_E_NO_FILE: { exit: 1, meaning: 'An input file does not exist or cannot be read.' },
  OFFPATH_E_NOT_CAPTURE: { exit: 1, meaning: 'An input file is neither a capture nor native transactions.' },
  OFFPATH_E_LINK_TYPE: { exit: 1, meaning: 'A capture has a link type that Offpath does not decode.' },
  OFFPATH_E_PCAP_MISSING: {
    exit: 1,
    meaning: 'Live capture needs the optional package pcap, which is not installed or not built.',
  },
  OFFPATH_E_NO_PRIVILEGE: { exit: 1, meaning: 'The process may not capture packets.' },
  OFFPATH_E_NO_INTERFACE: { exit: 1, meaning: 'There is no such network interface.' },
  OFFPATH_E_LISTEN: { exit: 1, meaning: 'A source cannot receive on the address it was given.' },
  OFFPATH_E_BAD_FILTER: { exit: 1, meaning: 'The BPF filter does not compile.' },
  OFFPATH_E_CAPTURE_DIED: { exit: 1, meaning: 'The capture process ended by itself and could not be brought back.' },
  OFFPATH_E_EXEC: { exit: 1, meaning: 'The command of an exec source could not be started.' },
  OFFPATH_E_KEY: { exit: 78, meaning: 'The privacy key is missing, unreadable, too short, or the published test key.' },
  OFFPATH_E_KEY_MISMATCH: { exit: 1, meaning: 'A record was pseudonymised under another key.' },
  OFFPATH_E_RECORD: { exit: 1, meaning: 'No record of a native transactions file could be read.' },
  OFFPATH_E_FORMAT: { exit: 1, meaning: 'The format of records is not known, or a mapping file is wrong.' },
  OFFPATH_E_POLICY: { exit: 78, meaning: 'A policy file is wrong, or one of its tests fails.' },
  OFFPATH_E_RUNNING: { exit: 1, meaning: 'Another daemon runs on the same data folder.' },
  OFFPATH_E_DATA_FOLDER: { exit: 1, meaning: 'The data folder cannot be used.' },
  OFFPATH_E_STORE: { exit: 1, meaning: 'The store cannot be opened, or does not answer.' },
  OFFPATH_E_CHDB_MISSING: {
    exit: 1,
    meaning: 'The embedded store needs the optional package chdb, which is not installed.',
  },
  OFFPATH_E_MIGRATION: {
    exit: 1,
    meaning: 'The schema of the store is not one that this version can bring up to date.',
  },
  OFFPATH_E_QUERY: { exit: 1, meaning: 'A query was refused, failed, or took too much.' },
  OFFPATH_E_NOT_FOUND: { exit: 1, meaning: 'There is no incident, action, policy or query of that name.' },
  OFFPATH_E_STATE: { exit: 1, meaning: 'That cannot be done in the state it is in.' },
  OFFPATH_E_SIGNATURE: { exit: 1, meaning: 'The signature of a webhook is not right.' },
  OFFPATH_E_SPEC: { exit: 1, meaning: 'An API description cannot be read as OpenAPI.' },
  OFFPATH_E_UNREACHABLE: { exit: 69, meaning: 'The daemon does not answer.' },
} as const satisfies Record<string, { exit: number; meaning: string }>

export type ErrorCode = keyof typeof ERROR_CODES

export interface ErrorDetails {
  /** Where: a config path, `file:line:col`, an interface. */
  readonly at?: string
  /** What to do about it, as a sentence or a command. */
  readonly remedy?: string
  readonly cause?: unknown
}

/** A failure with a place and a remedy, for people. Traffic never causes one. */
export class OffpathError extends Error {
  override readonly name = 'OffpathError'
  readonly code: ErrorCode
  readonly at: string | undefined
  readonly remedy: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.at = details.at
    this.remedy = details.remedy
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exit
  }
}
