/**
 * The closed vocabulary of protocol oddities ("weirds", after Zeek). Traffic is never an error: what is odd gets one of
 * these names on its transaction and a count here. Ambiguity is evidence of request smuggling, so names are specific.
 */
export const WEIRDS = [
  'clock.jump',
  'text.latin1',
  'forwarded.untrusted',
  'forwarded.beyond',
  'certificate.untrusted',
  'ip.fragment_overlap',
  'tcp.overlap_differs',
  'tcp.snap_length',
  'tcp.gap',
  'tcp.midstream',
  'http.bare_cr',
  'http.bare_lf',
  'http.obs_fold',
  'http.space_before_colon',
  'http.empty_header_name',
  'http.bad_header',
  'http.bad_start_line',
  'http.bad_version',
  'http.bad_target',
  'http.duplicate_content_length',
  'http.conflicting_content_length',
  'http.bad_content_length',
  'http.content_length_and_transfer_encoding',
  'http.bad_transfer_encoding',
  'http.chunk_extension',
  'http.bad_chunk',
  'http.trailers',
  'http.head_too_large',
  'http.too_many_headers',
  'http.field_too_large',
  'http.missing_host',
  'http.duplicate_host',
  'http.nul_byte',
  'http.interim_response',
  'http.early_response',
  'http.body_after_close',
  'http.pipeline_limit',
  'http.resynchronised',
  'http.unexpected_response',
  'body.decode_failed',
  'body.decode_limit',
  'body.unknown_encoding',
  'token.too_long',
  'token.malformed',
  'jwt.alg_none',
  'jwt.embedded_key',
  'jwt.odd_kid',
  'jwt.remote_key',
] as const

export type Weird = (typeof WEIRDS)[number]

/** Counts of each weird since the start. Per-record weirds are added by whoever emits the record. */
export class WeirdCounts {
  readonly #counts = new Map<string, number>()

  add(name: Weird, count = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count)
  }

  /** Name to count, by name. */
  entries(): [string, number][] {
    return [...this.#counts].sort((a, b) => (a[0] < b[0] ? -1 : 1))
  }
}
