/** How full a bounded table is, and what it pushed out so far. */
export interface Occupancy {
  readonly entries: number
  readonly limit: number
  readonly evicted: number
}

/** By the name of the table. */
export type Occupancies = Readonly<Record<string, Occupancy>>

/** The same tables, as `room/table`. */
export function prefixed(room: string, tables: Occupancies): Occupancies {
  return Object.fromEntries(Object.entries(tables).map(([table, size]) => [`${room}/${table}`, size]))
}
