import { hashText } from '../../analyzers/baselines/lookup-hash.ts'
import type { Header } from '../model/transaction.ts'

/** What kind of program asks. `app`: one on a device that people hold; `program`: any other; `monitor`, `bot`: they say so. */
export type AgentClass = 'browser' | 'app' | 'program' | 'bot' | 'monitor' | 'none'

export interface Device {
  /** Name of the program without versions: `Firefox`, `okhttp`, `Larder`. */
  readonly agent: string
  readonly agentClass: AgentClass
  /** Of the order of those headers that do not depend on the request, and of the fingerprint of the TLS handshake (JA4) where a log has it. */
  readonly order: number
}

const MAX_AGENT = 256
const MAX_FAMILY = 32
const MAX_HEADERS = 64

const MONITOR = /uptime|pingdom|statuscake|site24x7|kube-probe|health-?check|blackbox|synthetic|monitor|googlehc|elb-/i
const BOT = /bot[0-9]{0,3}\b|crawl|spider|slurp|indexer|facebookexternalhit|preview|\+https?:\/\//i
const DEVICE =
  /\b(?:iPhone|iPad|iPod|iOS|Android|Darwin|CFNetwork|Macintosh|Windows NT|Windows Phone|watchOS|tvOS|HarmonyOS)\b/
const BROWSER = /^mozilla\/5\.0 /i
const BROWSERS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\b(?:OPR|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]
const PRODUCT = /^[A-Za-z][A-Za-z0-9._ -]{0,31}/
/** Robots that call themselves browsers have their name in the comment: `Mozilla/5.0 (compatible; Googlebot/2.1; …)`. */
const COMPATIBLE = /\bcompatible; ([A-Za-z][A-Za-z0-9._ -]{0,31})/

/** Headers that say what is asked, by whom and on what way, and not with what. */
const OF_REQUEST =
  /^(?:host|content-|transfer-|authorization$|cookie$|referer$|origin$|if-|range$|x-|forwarded$|via$|traceparent$|tracestate$|baggage$|proxy-|cf-|true-client|expect$|upgrade$|idempotency)/

/** From the headers of one request, in their order, and its JA4. */
export function deviceOf(headers: readonly Header[], ja4: string | null = null): Device {
  let agent: string | null = null
  let names = ja4 === null ? '' : `${ja4}\n`
  const most = Math.min(headers.length, MAX_HEADERS)
  for (let i = 0; i < most; i++) {
    const [name, value] = headers[i]!
    const lower = name.toLowerCase()
    if (lower === 'user-agent') agent ??= value.slice(0, MAX_AGENT)
    // As sent: how letters are written tells programs apart, too.
    if (!OF_REQUEST.test(lower)) names += `${name}\n`
  }
  const { agent: program, agentClass } = agentOf(agent)
  return { agent: program, agentClass, order: hashText(names) }
}

function agentOf(text: string | null): Pick<Device, 'agent' | 'agentClass'> {
  if (text === null || text === '') return { agent: '', agentClass: 'none' }
  const product = (PRODUCT.exec(text)?.[0] ?? '').replace(/[ ._-]+$/, '').slice(0, MAX_FAMILY)
  if (MONITOR.test(text)) return { agent: product, agentClass: 'monitor' }
  if (BOT.test(text)) return { agent: COMPATIBLE.exec(text)?.[1] ?? product, agentClass: 'bot' }
  if (!BROWSER.test(text)) return { agent: product, agentClass: DEVICE.test(text) ? 'app' : 'program' }
  const browser = BROWSERS.find(([pattern]) => pattern.test(text))?.[1]
  return { agent: browser ?? product, agentClass: 'browser' }
}
