import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { StoreResult } from '../../sinks/store/store.ts'

/** A secret that was put in somewhere and must come out nowhere. Long enough not to occur by chance. */
export interface Canary {
  readonly name: string
  readonly secret: string
}

/** A place where it could come out. */
export type Surface =
  /** Anything printed, sent or answered. */
  | { readonly name: string; readonly content: string | Buffer }
  /** Every file under it, by content and by name; gzip is unpacked. */
  | { readonly name: string; readonly folder: string }
  /** Every column of every row of these tables: what lies compressed on disk. */
  | { readonly name: string; readonly tables: readonly string[]; readonly query: (sql: string) => Promise<StoreResult> }

export interface Leak {
  readonly surface: string
  readonly canary: string
  /** How it was written: `plain`, `base64` … */
  readonly form: string
}

export interface Scan {
  readonly leaks: readonly Leak[]
  /** Bytes looked through, by surface: a surface that is empty proves nothing. */
  readonly bytes: ReadonlyMap<string, number>
}

const LEAST_SECRET = 9

/** Looks for every canary, in every form it may have been written in, in every surface. */
export async function scanForCanaries(surfaces: readonly Surface[], canaries: readonly Canary[]): Promise<Scan> {
  const needles = canaries.flatMap(formsOf)
  const leaks = new Map<string, Leak>()
  const bytes = new Map<string, number>()
  const look = (surface: string, content: Buffer) => {
    bytes.set(surface, (bytes.get(surface) ?? 0) + content.length)
    for (const { canary, form, text } of needles) {
      if (content.includes(text)) leaks.set(`${surface} ${canary} ${form}`, { surface, canary, form })
    }
  }
  for (const surface of surfaces) {
    if ('content' in surface) look(surface.name, Buffer.from(surface.content))
    else if ('folder' in surface) await lookThroughFolder(surface, look)
    else await lookThroughTables(surface, look)
  }
  return { leaks: [...leaks.values()], bytes }
}

type Look = (surface: string, content: Buffer) => void

async function lookThroughFolder({ name, folder }: { name: string; folder: string }, look: Look): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    look(name, Buffer.from(path.slice(folder.length)))
    if (!entry.isFile()) continue
    const content = await readFile(path)
    look(`${name}${path.slice(folder.length)}`, content)
    if (content[0] === 0x1f && content[1] === 0x8b) look(`${name}${path.slice(folder.length)}`, gunzipSync(content))
  }
}

async function lookThroughTables(
  { name, tables, query }: Extract<Surface, { tables: unknown }>,
  look: Look,
): Promise<void> {
  for (const table of tables) {
    const { rows, cut } = await query(`SELECT * FROM ${table}`)
    if (cut) throw new Error(`${table} has more rows than were looked through`)
    for (const cell of rows.flat()) {
      look(`${name} ${table}`, Buffer.from(typeof cell === 'string' ? cell : JSON.stringify(cell)))
    }
  }
}

/** A secret as it may stand in JSON, in a URL, in base64 at any offset, in hexadecimal, in UTF-16. */
function formsOf({ name, secret }: Canary): { canary: string; form: string; text: Buffer }[] {
  if (secret.length < LEAST_SECRET) throw new Error(`canary ${name} is too short to be told from chance`)
  const bytes = Buffer.from(secret)
  const forms: Record<string, string | Buffer> = {
    JSON: JSON.stringify(secret).slice(1, -1),
    'percent-encoded': encodeURIComponent(secret),
    plain: secret,
    hexadecimal: bytes.toString('hex'),
    'UTF-16': Buffer.from(secret, 'utf16le'),
  }
  for (let offset = 0; offset < 3; offset++) {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64url')
    // The digits at both ends depend on the neighbours.
    const inner = encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
    forms[`base64url ${offset}`] = inner
    forms[`base64 ${offset}`] = inner.replaceAll('-', '+').replaceAll('_', '/')
  }
  const distinct = new Map(Object.entries(forms).map(([form, text]) => [Buffer.from(text).toString('latin1'), form]))
  return [...distinct].map(([text, form]) => ({ canary: name, form, text: Buffer.from(text, 'latin1') }))
}
