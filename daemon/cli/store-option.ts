import { usageError } from './failure.ts'

/** `--store`: `none`, `embedded`, or the URL of a ClickHouse server. */
export function storePlace(text: string | undefined): string | undefined {
  if (text === undefined || text === 'none' || text === 'embedded') return text
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text
  throw usageError(`--store takes none, embedded or a URL, not '${text}'`, '--store http://clickhouse:8123')
}
