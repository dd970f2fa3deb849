import { isIP } from 'node:net'
import { z } from 'zod'
import type { DetectorDeclaration } from '../../analyzers/detector.ts'
import { snakeCase } from '../../analyzers/option-names.ts'
import { CREDENTIAL_DEFAULTS } from '../identity/credentials.ts'

/**
 * Every key of offpath.yaml, its default and what it means. This is the one place: docs/configuration.md, the JSON Schema and
 * `offpath config show` are made from it. Unknown keys are refused at every level, and a key that does nothing does not exist.
 */

const wholeNumber = (least: number, most: number) => z.int().min(least).max(most)

const addressBlock = z.string().refine(isAddressBlock, {
  error: 'expected an address or a block such as 10.0.0.0/8 or 2001:db8::/32',
})

const headerName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, { error: 'expected the name of a header or cookie' })

const pcapSource = z
  .strictObject({
    kind: z.literal('pcap'),
    interface: z.string().min(1).describe('Network interface to listen on; `any` listens on all.'),
    filter: z.string().default('').describe('BPF filter, as for tcpdump; empty: everything.'),
    ring_mib: wholeNumber(1, 4096).default(64).describe('Kernel ring buffer, in MiB.'),
    snap_length: wholeNumber(64, 262_144)
      .default(262_144)
      .describe('Bytes kept of each frame. Less than the default loses the ends of merged frames.'),
  })
  .describe('Live capture with the optional npm package pcap, in a child process of its own.')

const execSource = z
  .strictObject({
    kind: z.literal('exec'),
    command: z
      .array(z.string())
      .min(1)
      .describe(
        'Program and arguments, as a list. No shell reads it. It writes pcap or pcapng to its standard output.',
      ),
    name: z.string().min(1).optional().describe('Name of the source in records; default: the name of the program.'),
  })
  .describe('Frames from a program such as tcpdump or dumpcap.')

const fileSource = z
  .strictObject({
    kind: z.literal('file'),
    path: z.string().min(1).describe('Capture file (pcap, pcapng, also gzip), or `-` for standard input.'),
  })
  .describe('Frames from a file, at full speed.')

const sources = z
  .array(z.discriminatedUnion('kind', [pcapSource, execSource, fileSource]))
  .max(16)
  .default([])
  .describe('Where frames come from. `offpath run` needs at least one, here or on the command line.')

const identity = z
  .strictObject({
    trusted_hops: z
      .array(addressBlock)
      .max(256)
      .default([])
      .describe(
        'Proxies whose Forwarded and X-Forwarded-For headers are believed. While it is empty, loopback, private and link-local ' +
          'peers are believed, and a caller found that way is marked `forwarded.default`.',
      ),
    api_key_headers: z
      .array(headerName)
      .max(32)
      .default([...CREDENTIAL_DEFAULTS.apiKeyHeaders])
      .describe('Headers that carry an API key.'),
    session_cookies: z
      .array(headerName)
      .max(32)
      .default([])
      .describe('Cookies that carry a session, besides those whose name says so (sid, session, connect.sid …).'),
  })
  .prefault({})
  .describe('Who made a request.')

const privacy = z
  .strictObject({
    key_file: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe(
        'File with the key of the pseudonyms, mode 0600. Null: the environment variable OFFPATH_PRIVACY_KEY, else a key made once ' +
          'for this user and host.',
      ),
  })
  .prefault({})
  .describe('How secrets become pseudonyms.')

const limits = z
  .strictObject({
    reassembly_mib: wholeNumber(16, 65_536).default(256).describe('Bytes held for reordering over all flows, in MiB.'),
    connections_mib: wholeNumber(16, 65_536)
      .default(160)
      .describe('What open connections keep between packets (heads under way, requests without response), in MiB.'),
    hold_kib: wholeNumber(16, 65_536).default(1024).describe('Bytes held behind a hole per flow direction, in KiB.'),
    hold_segments: wholeNumber(4, 65_536).default(256).describe('Segments held behind a hole per flow direction.'),
    hold_seconds: wholeNumber(1, 4).default(2).describe('How long a hole may wait for its bytes, in packet time.'),
    flows: wholeNumber(256, 10_000_000).default(262_144).describe('Flows known at once; the longest idle goes first.'),
    idle_seconds: wholeNumber(10, 300).default(300).describe('A flow without packets for this long is closed.'),
    response_seconds: wholeNumber(1, 300).default(120).describe('How long a request waits for its response.'),
    pending_requests: wholeNumber(1, 10_000)
      .default(100)
      .describe('Pipelined requests of one connection without response.'),
    head_kib: wholeNumber(1, 64).default(64).describe('Start line and header fields of one message, in KiB.'),
    headers: wholeNumber(8, 10_000).default(256).describe('Header fields of one message.'),
    field_kib: wholeNumber(1, 64).default(16).describe('One header field, in KiB.'),
    body_kib: wholeNumber(0, 65_536)
      .default(64)
      .describe('Body kept per message, as sent, in KiB; the rest is counted and marked.'),
    body_decode_kib: wholeNumber(1, 65_536)
      .default(1024)
      .describe('Body kept per message once it is decompressed, in KiB.'),
  })
  .prefault({})
  .describe('Bounds on memory. What goes over one is counted under a name of its own.')

/** The schema over a list of detectors: each id of the list is a key, with `enabled` and the detector's own options. */
export function buildConfigSchema(declarations: readonly DetectorDeclaration[]) {
  return z
    .strictObject({
      sources,
      identity,
      privacy,
      detectors: z
        .strictObject(Object.fromEntries(declarations.map((declaration) => [declaration.id, detector(declaration)])))
        .prefault({})
        .describe('The detectors, by id: `offpath detector list`.'),
      limits,
    })
    .describe('Offpath configuration.')
}

/** The detector's own options under names in snake case, as everywhere in the file, and `enabled`. */
function detector(declaration: DetectorDeclaration): z.ZodType<DetectorSettings> {
  const { id, options, title } = declaration
  if (!(options instanceof z.ZodObject)) throw new TypeError(`options of ${id} are no zod object`)
  const own = Object.entries(options.shape).map(([name, option]) => [snakeCase(name), option] as const)
  return z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether the detector runs.'),
      ...(Object.fromEntries(own) as Record<string, z.ZodType>),
    })
    .prefault({})
    .describe(title) as unknown as z.ZodType<DetectorSettings>
}

/** `enabled`, and the options of one detector, checked by its own schema. */
export type DetectorSettings = Readonly<{ enabled: boolean } & Record<string, unknown>>

type Shape = z.infer<ReturnType<typeof buildConfigSchema>>

/** A configuration that passed the schema: every key is present. */
export type ValidatedConfig = Readonly<Omit<Shape, 'detectors'>> & {
  readonly detectors: Readonly<Record<string, DetectorSettings>>
}
export type SourceConfig = ValidatedConfig['sources'][number]

/** The options of one detector under the names its `create` takes, or null when it is switched off. */
export function detectorOptions(config: ValidatedConfig, id: string): Record<string, unknown> | null {
  const settings = config.detectors[id]
  if (settings === undefined || !settings.enabled) return null
  const own = Object.entries(settings).filter(([key]) => key !== 'enabled')
  return Object.fromEntries(own.map(([key, value]) => [camelCase(key), value]))
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function isAddressBlock(text: string): boolean {
  const slash = text.indexOf('/')
  const family = isIP(slash < 0 ? text : text.slice(0, slash))
  if (family === 0) return false
  if (slash < 0) return true
  const prefix = text.slice(slash + 1)
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)
}
