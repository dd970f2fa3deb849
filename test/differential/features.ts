import type { CapturedFrame } from '../mutate/capture-file.ts'
import { connectionKey, payloadLength, tcpParts } from '../mutate/tcp-frame.ts'

/** What makes a capture hard to read. */
export type Feature = 'gap' | 'pipelining' | 'HEAD' | '1xx' | 'trailers'

/** Found by looking at the segments, without a parser: what a capture of untagged Ethernet has in it. */
export function features(frames: readonly CapturedFrame[], gaps: boolean): ReadonlySet<Feature> {
  const found = new Set<Feature>(gaps ? ['gap'] : [])
  /** Request lines since the other side last spoke, by connection. */
  const asked = new Map<string, number>()
  for (const frame of frames) {
    const at = tcpParts(frame)
    if (at === null || payloadLength(at) <= 0) continue
    const text = frame.bytes.subarray(at.payload, at.end).toString('latin1')
    const key = connectionKey(at)
    const starts = text.match(/(?:^|\n)[A-Z]{3,7} \/\S* HTTP\/1/g)?.length ?? 0
    if (/(?:^|\n)HEAD \S+ HTTP\/1/.test(text)) found.add('HEAD')
    if (/^HTTP\/1\.1 1\d\d /.test(text)) found.add('1xx')
    if (/(?:^|\n)0\r\n[A-Za-z-]+:/.test(text)) found.add('trailers')
    if (text.startsWith('HTTP/1.')) asked.set(key, 0)
    else asked.set(key, (asked.get(key) ?? 0) + starts)
    if ((asked.get(key) ?? 0) > 1) found.add('pipelining')
  }
  return found
}
