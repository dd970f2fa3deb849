import type { FunnelStage, LedgerTotals } from '../daemon/telemetry/funnel.ts'

/** Fewer than this say nothing about the mirror. */
const ENOUGH = 20
const MOST = 0.9

/** What the loss funnel shows to be wrong with the capture, each with its remedy. Empty when there is nothing to do. */
export function lossHints(totals: Readonly<Record<FunnelStage, LedgerTotals>>): string[] {
  const { frames, bytes, pairs } = totals
  const hints: string[] = []
  const lost = (stage: LedgerTotals, cause: string) => stage.dropped[cause] ?? 0

  const cut = lost(bytes, 'snap_length')
  if (cut > 0) {
    hints.push(`${cut} bytes were cut off by the snap length of the capture; capture whole frames: tcpdump -s 0`)
  }
  const kernel = lost(frames, 'kernel')
  if (kernel > 0) {
    hints.push(
      `the kernel dropped ${kernel} frames because its ring was full; narrow the filter, or raise ring_mib (buffer_mib of a tunnel)`,
    )
  }
  const network = lost(frames, 'interface')
  if (network > 0) hints.push(`the interface dropped ${network} frames; see ethtool -S and the mirror's load`)
  const foreign = lost(frames, 'link_type')
  if (foreign > 0) hints.push(`${foreign} frames have a link type that this version does not decode`)
  const fragments = lost(frames, 'fragment')
  if (fragments > 0) {
    hints.push(
      `${fragments} IP fragments never became a whole packet, the rest was lost; raise the MTU of the mirror's path`,
    )
  }
  const notHttp = lost(bytes, 'not_http')
  if (notHttp > bytes.in / 2) {
    hints.push('most bytes are not HTTP/1: TLS or another protocol; mirror behind the point where TLS ends')
  }
  const requestsAlone = Object.entries(pairs.dropped).reduce(
    (sum, [cause, count]) => (cause.startsWith('request_only') ? sum + count : sum),
    0,
  )
  if (pairs.in >= ENOUGH && requestsAlone > pairs.in * MOST) {
    hints.push('nearly all requests are without response; does the mirror carry both directions?')
  }
  if (pairs.in >= ENOUGH && lost(pairs, 'response_only') > pairs.in * MOST) {
    hints.push('nearly all responses are without request; does the mirror carry both directions?')
  }
  return hints
}
