import type { RowBatch } from '../../daemon/model/row-batch.ts'
import { formatTime, parseTime } from '../../daemon/model/time.ts'
import type { ToldPart } from '../../daemon/model/told-part.ts'
import type { Store } from '../store/store.ts'

/** Analyzers and parts that are looked at; no deployment has so many. */
const MAX_ROWS = 4096
/** Of all others together, in bytes: the newest first, what is more is left out. */
const MAX_BYTES = 32 * 1024 * 1024

/** The newest of each analyzer and part, of any key and audience. */
const NEWEST = `SELECT key_id, audience, analyzer, part, max(stored) AS at, argMax(length(learning), stored) AS bytes
FROM learning
WHERE analyzer != {analyzer:String} AND stored > now64(6) - toIntervalDay(7)
GROUP BY key_id, audience, analyzer, part
ORDER BY at DESC, analyzer, part`

const ROW = `SELECT version, toString(learnt_until), seal, learning
FROM learning
WHERE key_id = {keyId:String} AND audience = {audience:String} AND analyzer = {analyzer:String} AND part = {part:String}
ORDER BY stored DESC
LIMIT 1`

/** A row of the table `learning`. */
export function learningBatch(told: ToldPart): RowBatch {
  const { keyId, audience, analyzer, part, version, learntUntil, seal, lines } = told
  const at = formatTime(learntUntil)
  const row = {
    key_id: keyId,
    audience,
    analyzer,
    part,
    version,
    learnt_until: at.slice(0, -1).replace('T', ' '),
    seal,
    learning: lines,
  }
  return {
    table: 'learning',
    day: at.slice(0, 10),
    columns: Object.keys(row),
    format: 'JSONEachRow',
    rows: 1,
    bytes: Buffer.from(`${JSON.stringify(row)}\n`),
    rereadIds: null,
  }
}

export interface Told {
  readonly parts: readonly ToldPart[]
  /** Rows that there was no room for. */
  readonly leftOut: number
}

/** What all but `asks` told last. Of another key or audience it is only said that they are there. Rejects when the store does not answer. */
export async function toldByOthers(
  store: Pick<Store, 'query'>,
  asks: Pick<ToldPart, 'keyId' | 'audience' | 'analyzer'>,
  mostBytes = MAX_BYTES,
): Promise<Told> {
  const { rows, cut } = await store.query({ sql: NEWEST, params: { analyzer: asks.analyzer }, maxRows: MAX_ROWS })
  const parts: ToldPart[] = []
  let leftOut = cut ? 1 : 0
  let bytes = 0
  for (const [keyId, audience, analyzer, part, , length] of rows) {
    const whose = {
      keyId: String(keyId),
      audience: String(audience),
      analyzer: String(analyzer),
      part: String(part),
    }
    if (whose.keyId !== asks.keyId || whose.audience !== asks.audience) {
      parts.push({ ...whose, version: 0, learntUntil: 0, seal: '', lines: '' })
      continue
    }
    if (bytes + Number(length) > mostBytes) {
      leftOut++
      continue
    }
    const row = (await store.query({ sql: ROW, params: whose })).rows[0]
    if (row === undefined) continue
    const [version, at, seal, lines] = row
    bytes += Number(length)
    parts.push({
      ...whose,
      version: Number(version),
      learntUntil: parseTime(`${String(at).replace(' ', 'T')}Z`) ?? 0,
      seal: String(seal),
      lines: String(lines),
    })
  }
  return { parts, leftOut }
}
