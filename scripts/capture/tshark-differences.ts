import { CLIENT, SERVER } from './network.ts'
import type { TsharkDifference } from './note.ts'

/**
 * Where tshark 4.0 reads a capture otherwise than its ledger says, and why. Found by comparing, kept so that a new
 * difference, or one that goes away, fails the tests.
 */
interface Known {
  readonly links?: string
  readonly options?: readonly string[]
  readonly differences?: readonly TsharkDifference[]
}

const end = (port: number) => `${CLIENT} * ${SERVER} ${port}`

function differs(why: string, port: number, ledger: string | null, tshark: string | null): TsharkDifference {
  return {
    ledger: ledger === null ? null : `${ledger} ${end(port)}`,
    tshark: tshark === null ? null : `${tshark} ${end(port)}`,
    why,
  }
}

const ONE_LINK =
  'tshark links only the last of several requests under way; its messages are right and are paired in their order'
const LINKS_INTERIM = 'tshark links a request to the 1xx response before its final one; paired in order instead'
const NEVER_WHOLE =
  'the message never becomes whole and tshark shows none; the client did get the head and part of the body'
const HELD_BODY =
  'tshark waits for the announced body before it shows the request head; the body never came, the server answered the head'

const HEAD_FORGOTTEN =
  'among pipelined requests tshark does not know which answer is that of HEAD and takes the next one for its body'

/** Off by default in tshark, which then drops what comes early. On, it waits for ever behind a lost segment. */
const HOLD_EARLY = ['tcp.reassemble_out_of_order:TRUE']

export const TSHARK: Readonly<Record<string, Known>> = {
  'pipelined-nginx': { links: ONE_LINK },
  'pipelined-node': { links: ONE_LINK },
  'pipelined-20': { links: ONE_LINK },
  'apache-pipelined': {
    links: ONE_LINK,
    differences: [
      differs(HEAD_FORGOTTEN, 8081, 'GET /missing 404', 'GET /missing 204'),
      differs(HEAD_FORGOTTEN, 8081, 'GET /up/status/204 204', 'GET /up/status/204 200'),
      differs(HEAD_FORGOTTEN, 8081, 'GET /hello.txt?3 200', 'GET /hello.txt?3 null'),
    ],
  },
  'haproxy-pipelined': { links: ONE_LINK },
  'wrk-pipelined': { links: ONE_LINK },
  'haproxy-early-hints': { links: LINKS_INTERIM },
  'continue-not-waited': { links: LINKS_INTERIM },
  'early-hints': { links: LINKS_INTERIM },
  'many-interim': { links: LINKS_INTERIM },
  'aborted-upload': { differences: [differs(HELD_BODY, 8088, 'POST /up null', null)] },
  'continue-refused': { differences: [differs(HELD_BODY, 8080, 'POST /refuse 417', 'null null 417')] },
  'early-413': { differences: [differs(HELD_BODY, 8080, 'POST /early-413 413', 'null null 413')] },
  'reset-mid-response': { differences: [differs(NEVER_WHOLE, 8080, 'GET /half 200', 'GET /half null')] },
  drip: {
    differences: [
      differs(
        'tshark loses a chunked body whose chunk lines come byte by byte; the client read it whole',
        8088,
        'GET /drip 200',
        'GET /drip null',
      ),
    ],
  },
  'empty-lines-between': {
    differences: ['/one', '/two'].map((target) =>
      differs(
        'a request line after empty lines is no request to tshark; RFC 9112 section 2.2 says to skip them',
        8088,
        `GET ${target} 200`,
        'null null 200',
      ),
    ),
  },
  'smuggling-cl-te': {
    differences: [
      differs(
        'tshark waits for Content-Length bytes; RFC 9112 section 6.3 gives Transfer-Encoding the say, as the server did',
        8088,
        'POST /smuggle 200',
        'null null 200',
      ),
    ],
  },
  'gap-in-body': { differences: [differs(NEVER_WHOLE, 8080, 'GET /orders/ 200', 'GET /orders/ null')] },
  'fragment-lost': { differences: [differs(NEVER_WHOLE, 8080, 'GET /orders/ 200', 'GET /orders/ null')] },
  'gap-in-large-body': { differences: [differs(NEVER_WHOLE, 8080, 'GET /bytes/100000 200', 'GET /bytes/100000 null')] },
  'gap-in-chunked-body': {
    differences: [differs(NEVER_WHOLE, 8080, 'GET /chunked/8500 200', 'GET /chunked/8500 null')],
  },
  'merged-retransmission': { options: HOLD_EARLY },
  reordered: { options: HOLD_EARLY },
  'reordered-large': { options: HOLD_EARLY },
  'midstream-response': {
    differences: [
      differs(
        'tshark takes the first response it could see whole for the rest of the body it joined in the middle of',
        8080,
        'GET /orders/1001?expand=items 200',
        'GET /orders/1001?expand=items null',
      ),
    ],
  },
  'snap-length-heads': {
    differences: [
      differs(
        'tshark shows the start line of a head whose rest was not captured; a head with a hole is not read as a message',
        8080,
        'null null 200',
        'GET /hello 200',
      ),
    ],
  },
}
