import { execFile } from 'node:child_process'

/** One pair, or one side of it, as tshark sees it. `client` and `server` are `address port`. */
export interface TsharkPair {
  readonly method: string | null
  readonly target: string | null
  readonly status: number | null
  readonly client: string
  readonly server: string
  /** Body size on the wire after transfer decoding, where tshark says it; else null. */
  readonly requestBody: number | null
  readonly responseBody: number | null
}

interface Message {
  readonly frame: number
  readonly stream: string
  readonly from: string
  readonly to: string
  readonly method: string | null
  readonly target: string | null
  readonly status: number | null
  /** Frame number of the other side, as tshark's second pass links them. */
  readonly other: number | null
  readonly body: number | null
}

/**
 * Reads a capture with tshark alone, in two passes, and pairs by its own http.response_in and http.request_in. In PDML
 * every message of a frame is an element of its own, so pipelined messages stay apart. `inOrder` pairs the messages of
 * a connection in their order instead: for captures whose note says why tshark's links cannot be used.
 */
export async function readWithTshark(
  file: string,
  inOrder = false,
  options: readonly string[] = [],
): Promise<TsharkPair[]> {
  const pdml = await new Promise<string>((resolve, reject) => {
    const args = ['-2', '-n', '-r', file, '-Y', 'http', '-d', 'tcp.port==8088,http', '-T', 'pdml']
    args.push('-J', 'frame ip ipv6 tcp http')
    for (const option of options) args.push('-o', option)
    execFile('tshark', args, { maxBuffer: 256 * 1024 * 1024 }, (error, stdout) => {
      // It fails for a file cut off in the middle of a record, after having read what came before.
      if (error === null || stdout.includes('</pdml>')) resolve(stdout)
      else reject(error)
    })
  })
  return pair(messages(pdml), inOrder)
}

function messages(pdml: string): Message[] {
  const found: Message[] = []
  for (const packet of pdml.split('<packet>').slice(1)) {
    const show = (name: string) =>
      new RegExp(`<field name="${name.replaceAll('.', '\\.')}"[^>]* show="([^"]*)"`).exec(packet)?.[1]
    // The innermost packet of a tunnel is the last one before TCP.
    const network = packet.split(/<proto name="(?=ip(?:v6)?")/).at(-1)!
    const within = (name: string) => new RegExp(`<field name="${name}"[^>]* show="([^"]*)"`).exec(network)?.[1]
    const address = (side: 'src' | 'dst') =>
      `${within(`ip\\.${side}`) ?? within(`ipv6\\.${side}`)} ${show(`tcp.${side}port`)}`
    for (const text of packet.split(/<proto name="http"/).slice(1)) {
      const message = text.split(/<proto name="(?!http")/)[0]!
      const field = (name: string) => {
        const match = new RegExp(`<field name="${name.replaceAll('.', '\\.')}"[^>]*? show="([^"]*)"`).exec(message)
        return match === null ? null : plain(match[1]!)
      }
      const number = (name: string) => (field(name) === null ? null : Number(field(name)))
      if (field('http.request') === null && field('http.response') === null) continue
      found.push({
        frame: Number(show('frame.number')),
        stream: show('tcp.stream')!,
        from: address('src'),
        to: address('dst'),
        method: field('http.request.method'),
        target: uri(message),
        status: number('http.response.code'),
        other: number('http.response_in') ?? number('http.request_in'),
        body: bodySize(message, number('http.content_length')),
      })
    }
  }
  return found
}

/** From the raw bytes: tshark shows a target that is not ASCII in other ways. */
function uri(message: string): string | null {
  const hex = /name="http\.request\.uri"[^>]* value="([0-9a-f]*)"/.exec(message)?.[1]
  return hex === undefined ? null : Buffer.from(hex, 'hex').toString()
}

function bodySize(message: string, contentLength: number | null): number | null {
  const chunks = [...message.matchAll(/name="http\.chunk_size"[^>]* show="(\d+)"/g)]
  return chunks.length > 0 ? chunks.reduce((total, chunk) => total + Number(chunk[1]), 0) : contentLength
}

function plain(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replace(/(?:\\x[0-9a-f]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('\\x', ''), 'hex').toString())
}

function pair(all: readonly Message[], inOrder: boolean): TsharkPair[] {
  const responses = all.filter(
    (message) => message.status !== null && (message.status >= 200 || message.status === 101),
  )
  const used = new Set<Message>()
  const pairs: TsharkPair[] = []
  for (const request of all) {
    if (request.status !== null) continue
    const response = responses.find(
      (candidate) =>
        !used.has(candidate) &&
        candidate.stream === request.stream &&
        (inOrder || candidate.other === request.frame || candidate.frame === request.other),
    )
    if (response !== undefined) used.add(response)
    pairs.push({
      method: request.method,
      target: request.target,
      status: response?.status ?? null,
      client: request.from,
      server: request.to,
      requestBody: request.body,
      responseBody: bodyless(request, response) ? 0 : (response?.body ?? null),
    })
  }
  for (const response of responses) {
    if (used.has(response)) continue
    pairs.push({
      method: null,
      target: null,
      status: response.status,
      client: response.to,
      server: response.from,
      requestBody: null,
      responseBody: response.body,
    })
  }
  return pairs
}

/** RFC 9112 section 6.3, rule 1: a Content-Length on these says nothing about a body. */
function bodyless(request: Message, response: Message | undefined): boolean {
  return request.method === 'HEAD' || response?.status === 304
}
