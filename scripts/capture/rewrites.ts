import { gzipSync } from 'node:zlib'
import {
  type CapturedFrame,
  ETHERNET,
  NULL_LOOPBACK,
  readCapture,
  writePcap,
  writePcapng,
} from '../../test/mutate/capture-file.ts'
import {
  behindTags,
  duplicate,
  duplicateBehindTag,
  type Mutator,
  oneSide,
  rawIp,
  reorder,
  retransmit,
  truncate,
  wrapSequence,
} from '../../test/mutate/mutators.ts'
import { FIN, payloadLength, resent, SYN, tcpParts, withPayload } from '../../test/mutate/tcp-frame.ts'
import type { CaptureNote, LedgerEntry } from './note.ts'
import { TUNNEL_REWRITES } from './rewrites-tunnels.ts'

/** A capture made from another one, with the effect on the ledger worked out by hand. */
export interface Rewrite {
  readonly name: string
  readonly from: string
  readonly shows: string
  readonly how: string
  readonly extension?: string
  readonly rewrite: (file: Buffer, note: CaptureNote) => { file: Buffer; transactions: readonly LedgerEntry[] }
}

type Touch = (ledger: readonly LedgerEntry[]) => readonly LedgerEntry[]

const same: Touch = (ledger) => ledger

/** Changes line `index` of the ledger. */
function touched(index: number, change: Partial<LedgerEntry>): Touch {
  return (ledger) => ledger.map((line, i) => (i === index ? { ...line, ...change } : line))
}

/** Where a message may have been missed before, the order proves nothing and acknowledgements have to: a lower grade. */
function inferredFrom(index: number): Touch {
  return (ledger) => ledger.map((line, i) => (i < index ? line : { ...line, pairing: 'inferred' }))
}

const JOINED_IN_ANSWER = 'the first request after joining in the middle of an answer: others may have been under way'
const HOLE_IN_BOTH = 'both directions have a hole, and an unanswered request may have been in it'
const CUT_OFF = 'joined midstream and the file ends without the end of the connection: another answer may have followed'

/** The pairs at these places of the ledger cannot be proven. */
function refused(why: string, ...places: readonly number[]): Touch {
  return (ledger) => ledger.map((line, i) => (places.includes(i) ? { ...line, refused: why } : line))
}

const NO_REQUEST = { method: null, target: null, requestBody: 0, state: 'response_only' } as const
const NO_RESPONSE = { status: null, responseBody: 0, state: 'request_only' } as const

function byMutator(
  name: string,
  from: string,
  shows: string,
  how: string,
  mutate: Mutator,
  touch: Touch = same,
): Rewrite {
  return {
    name,
    from,
    shows,
    how,
    rewrite: (file, note) => ({ file: writePcap(mutate(readCapture(file))), transactions: touch(note.transactions) }),
  }
}

interface Data {
  readonly index: number
  readonly fromServer: boolean
  readonly text: string
}

/** Data segments, in file order. */
function data(frames: readonly CapturedFrame[]): Data[] {
  return frames.flatMap((frame, index) => {
    const at = tcpParts(frame)
    if (at === null || payloadLength(at) <= 0) return []
    const fromServer = /:(80|8080|8088)$/.test(at.source)
    return [{ index, fromServer, text: frame.bytes.subarray(at.payload, at.end).toString('latin1') }]
  })
}

/** Indexes of the frames of the nth message (0-based) of a side, when no segment holds two messages. */
function message(frames: readonly CapturedFrame[], side: 'client' | 'server', nth: number): number[] {
  const start = side === 'client' ? /^[A-Z]+ \S+ HTTP\/1/ : /^HTTP\/1\.[01] \d/
  let seen = -1
  return data(frames)
    .filter((segment) => segment.fromServer === (side === 'server'))
    .filter((segment) => {
      if (start.test(segment.text)) seen++
      return seen === nth
    })
    .map((segment) => segment.index)
}

function without(pick: (frames: readonly CapturedFrame[]) => readonly number[]): Mutator {
  return (frames) => {
    const lost = new Set(pick(frames))
    if (lost.size === 0) throw new Error('nothing to lose')
    return frames.filter((_, i) => !lost.has(i))
  }
}

export const REWRITES: readonly Rewrite[] = [
  ...TUNNEL_REWRITES.map(({ name, from, shows, how, mutate, touch }) =>
    byMutator(name, from, shows, how, mutate, touch),
  ),
  {
    name: 'big-endian',
    from: 'keep-alive',
    shows: 'a pcap written by a big-endian machine',
    how: 'file and record headers in the other byte order',
    rewrite: (file, note) => ({
      file: writePcap(readCapture(file), { bigEndian: true }),
      transactions: note.transactions,
    }),
  },
  {
    name: 'big-endian-nanoseconds',
    from: 'nanoseconds',
    shows: 'big-endian with nanosecond timestamps',
    how: 'headers in the other byte order',
    rewrite: (file, note) => ({
      file: writePcap(readCapture(file), { bigEndian: true, nanoseconds: true }),
      transactions: note.transactions,
    }),
  },
  {
    name: 'gzipped',
    from: 'keep-alive',
    shows: 'a pcap compressed with gzip',
    how: 'gzip',
    extension: 'pcap.gz',
    rewrite: (file, note) => ({ file: gzipSync(file), transactions: note.transactions }),
  },
  {
    name: 'pcapng-two-interfaces',
    from: 'keep-alive',
    shows:
      'pcapng with two interfaces: requests on an Ethernet one in microseconds, responses on a raw IP one in nanoseconds',
    how: 'each direction on an interface of its own, a custom block between',
    extension: 'pcapng',
    rewrite: (file, note) => {
      const frames = readCapture(file).map((frame) => {
        if (!/:8080$/.test(tcpParts(frame)!.source)) return { ...frame, port: 0 }
        return { ...rawIp([frame])[0]!, port: 1 }
      })
      const interfaces = [
        { linkType: ETHERNET, resolution: 6, name: 'requests' },
        { linkType: 101, resolution: 9, name: 'responses' },
      ]
      return { file: writePcapng(frames, interfaces), transactions: note.transactions }
    },
  },
  byMutator('vlan', 'keep-alive', '802.1Q', 'tag 12 on every frame', behindTags(12)),
  byMutator(
    'qinq',
    'keep-alive',
    '802.1ad with an 802.1Q tag inside',
    'tags 100 and 12 on every frame',
    behindTags(100, 12),
  ),
  byMutator('raw-ip', 'keep-alive', 'link type raw IP', 'Ethernet headers taken off', rawIp),
  byMutator(
    'null-loopback',
    'keep-alive',
    'BSD loopback link type',
    'Ethernet headers replaced by the address family',
    (frames) =>
      rawIp(frames).map((frame) => ({
        ...frame,
        bytes: Buffer.concat([Buffer.of(2, 0, 0, 0), frame.bytes]),
        original: frame.original + 4,
        linkType: NULL_LOOPBACK,
      })),
  ),
  byMutator('raw-ip6', 'ipv6', 'IPv6 on link type raw IP', 'Ethernet headers taken off', rawIp),
  byMutator('ipv6-vlan', 'ipv6', 'IPv6 behind an 802.1Q tag', 'tag 12 on every frame', behindTags(12)),
  byMutator(
    'midstream',
    'keep-alive',
    'the recorder came late: the first two pairs and the handshake are not there',
    'all frames before the third request left out',
    (frames) => frames.slice(message(frames, 'client', 2)[0]),
    (ledger) => inferredFrom(0)(ledger.slice(2)),
  ),
  byMutator(
    'midstream-response',
    'keep-alive',
    'the recorder came in the middle of a response body',
    'all frames up to the first segment of the first response left out',
    (frames) => frames.slice(message(frames, 'server', 0)[0]! + 1),
    (ledger) => refused(JOINED_IN_ANSWER, 0)(inferredFrom(0)(ledger.slice(1))),
  ),
  byMutator(
    'gap-in-body',
    'keep-alive',
    'a segment of a response body is missing; its bytes are counted, the later pairs are whole',
    'the second segment of the first response left out',
    without((frames) => [message(frames, 'server', 0)[1]!]),
    touched(0, { state: 'gap' }),
  ),
  byMutator(
    'gap-in-large-body',
    'large-response',
    'ten segments of a long body are missing in two places',
    'segments 20 to 24 and 60 to 64 of the response left out',
    without((frames) => [...message(frames, 'server', 0).slice(20, 25), ...message(frames, 'server', 0).slice(60, 65)]),
    touched(0, { state: 'gap' }),
  ),
  byMutator(
    'gap-in-chunked-body',
    'chunked',
    'a segment in the middle of a chunked body is missing: where the next chunk starts is not known',
    'the fourth segment of the response left out',
    without((frames) => [message(frames, 'server', 0)[3]!]),
    touched(0, { state: 'gap', responseBody: null }),
  ),
  byMutator(
    'gap-in-head',
    'many-headers',
    'a segment in the middle of a request head is missing: that request is not read, its response is',
    'the third segment of the request left out',
    without((frames) => [message(frames, 'client', 0)[2]!]),
    touched(0, NO_REQUEST),
  ),
  byMutator(
    'lost-request',
    'keep-alive-paced',
    'one request is missing; its response stands alone and no other pair moves',
    'the second request left out',
    without((frames) => message(frames, 'client', 1)),
    (ledger) => inferredFrom(2)(touched(1, NO_REQUEST)(ledger)),
  ),
  byMutator(
    'lost-response',
    'keep-alive-paced',
    'one response is missing; its request stands alone and no other pair moves',
    'the second response left out',
    without((frames) => message(frames, 'server', 1)),
    (ledger) => inferredFrom(2)(touched(1, NO_RESPONSE)(ledger)),
  ),
  byMutator(
    'lost-pair',
    'keep-alive-paced',
    'a request and its response are both missing',
    'the fourth request and response left out',
    without((frames) => [...message(frames, 'client', 3), ...message(frames, 'server', 3)]),
    (ledger) => refused(HOLE_IN_BOTH, 3, 4)(inferredFrom(3)(ledger.filter((_, i) => i !== 3))),
  ),
  byMutator(
    'requests-only',
    'keep-alive',
    'a one-sided mirror: only what the client sent',
    'all frames of the server left out',
    oneSide(8080, 'client'),
    (ledger) => ledger.map((line) => ({ ...line, ...NO_RESPONSE })),
  ),
  byMutator(
    'responses-only',
    'nginx-keep-alive',
    'a one-sided mirror: only what the server sent',
    'all frames of the client left out',
    oneSide(80, 'server'),
    (ledger) => ledger.map((line) => ({ ...line, ...NO_REQUEST })),
  ),
  byMutator(
    'retransmitted',
    'keep-alive',
    'every data segment sent again under another IP id',
    'copies after the frame that follows',
    retransmit(1, 1),
  ),
  byMutator(
    'duplicated',
    'keep-alive',
    'every frame twice, as when both ends are mirrored',
    'each frame again 1 us later',
    duplicate(1),
  ),
  byMutator(
    'duplicated-vlan',
    'keep-alive',
    'every frame twice, the second time behind a VLAN tag',
    'each frame again 1 us later with tag 12',
    duplicateBehindTag(12),
  ),
  byMutator(
    'reordered',
    'interleaved',
    'neighbouring segments of a direction have changed places',
    'seeded swaps',
    reorder(7, 0.6),
  ),
  byMutator('reordered-large', 'large-response', 'a long body out of order', 'seeded swaps', reorder(11, 0.7)),
  byMutator(
    'sequence-wrap',
    'large-response',
    'sequence numbers pass 2^32 in the head and in the body',
    'initial sequence numbers moved to 60 bytes before the wrap',
    wrapSequence(60),
  ),
  byMutator(
    'sequence-wrap-body',
    'large-response',
    'sequence numbers pass 2^32 in the middle of the body',
    'initial sequence numbers moved to 50,000 bytes before the wrap',
    wrapSequence(50_000),
  ),
  byMutator(
    'merged-retransmission',
    'chunked',
    'a retransmission that carries an old segment and the new bytes behind it in one',
    'segments 3 and 4 of the response again as one, in place of segment 4',
    (frames) => {
      const [, , third, fourth] = message(frames, 'server', 0)
      const parts = [third!, fourth!].map((i) => tcpParts(frames[i]!)!)
      const merged = Buffer.concat(
        [third!, fourth!].map((i, n) => frames[i]!.bytes.subarray(parts[n]!.payload, parts[n]!.end)),
      )
      return frames.map((frame, i) => (i === fourth ? { ...withPayload(resent(frame), merged, parts[0]!.seq) } : frame))
    },
  ),
  byMutator(
    'conflicting-overlap',
    'chunked',
    'a second copy of a segment with other bytes: the first copy wins',
    'the third segment of the response again, its letters changed',
    (frames) => {
      const third = message(frames, 'server', 0)[2]!
      const at = tcpParts(frames[third]!)!
      const other = Buffer.from(
        frames[third]!.bytes.subarray(at.payload, at.end).toString('latin1').replaceAll('y', 'X'),
        'latin1',
      )
      const copy = { ...withPayload(resent(frames[third]!), other, at.seq), time: frames[third]!.time + 1000n }
      return [...frames.slice(0, third + 1), copy, ...frames.slice(third + 1)]
    },
  ),
  byMutator(
    'keep-alive-probes',
    'keep-alive-idle',
    'TCP keep-alive probes (RFC 9293 section 3.8.4) while the connection is idle',
    'two probes with one byte of old data after the first response',
    (frames) => {
      const last = message(frames, 'server', 0)[0]!
      const at = tcpParts(frames[last]!)!
      const seq = at.seq + payloadLength(at) - 1
      const probes = [400n, 900n].map((ms) => ({
        ...withPayload(resent(frames[last]!), Buffer.of(0), seq),
        time: frames[last]!.time + ms * 1_000_000n,
      }))
      return [...frames, ...probes].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    },
  ),
  byMutator(
    'no-handshake-no-end',
    'interleaved',
    'connections without SYN and without FIN',
    'frames with SYN or FIN and no data left out',
    (frames) =>
      frames.filter((frame) => {
        const at = tcpParts(frame)
        return at === null || (at.flags & (SYN | FIN)) === 0 || payloadLength(at) > 0
      }),
    (ledger) => refused(CUT_OFF, 0, 1, 2, 3, 4, 5)(ledger),
  ),
  byMutator(
    'snap-length-heads',
    'many-headers',
    'a snap length that cuts a request head; the response is whole',
    'frames cut to 400 bytes',
    truncate(400),
    touched(0, { ...NO_REQUEST, weirds: [] }),
  ),
  byMutator(
    'no-frames',
    'keep-alive',
    'a capture file without a frame',
    'all frames left out',
    () => [],
    () => [],
  ),
  {
    name: 'truncated-tail',
    from: 'keep-alive',
    shows: 'a file cut off in the middle of a record: what came before counts',
    how: 'the file ends 11 bytes into the last response',
    rewrite: (file, note) => {
      const frames = readCapture(file)
      const last = message(frames, 'server', 5)[0]!
      const whole = writePcap(frames.slice(0, last + 1))
      return {
        file: whole.subarray(0, whole.length - frames[last]!.bytes.length + 11),
        transactions: touched(5, NO_RESPONSE)(note.transactions),
      }
    },
  },
  byMutator(
    'bogus-time',
    'keep-alive',
    'one frame, the third response, is stamped ten years ahead',
    'its timestamp moved',
    (frames) => {
      const [third] = message(frames, 'server', 2)
      return frames.map((frame, i) => (i === third ? { ...frame, time: frame.time + 315_360_000_000_000_000n } : frame))
    },
    touched(2, { weirds: ['clock.jump'] }),
  ),
]
