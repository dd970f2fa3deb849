/** See build-constants.mjs. */
export function constantsOf(code: string): string
