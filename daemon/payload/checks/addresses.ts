import { type Evidence, type Field, NO_EVIDENCE, type PayloadCheck, type Unwrapped } from '../payload.ts'

/** Addresses that a server would be made to ask on a caller's behalf: metadata services, its own host, its inner network, other protocols. */
export const ssrf: PayloadCheck = {
  class: 'ssrf',
  side: 'request',
  literals: [
    ':\\\\',
    '//0',
    '//1',
    '//2',
    '//[',
    '//\xe2',
    '@0',
    '@1',
    '@2',
    '@[',
    '@localhost',
    '.internal',
    '.intranet',
    '.local',
    '.corp',
    '.lan',
    '.svc',
    'home.arpa',
    'instance-data',
    'meta-data',
    'user-data',
    'api/token',
    'latest/dynamic',
    'opc/v',
    '.kube/',
    'v1/secret',
    'burpcollaborator',
    'oastify',
    'interact.sh',
    '.oast.',
    'dnslog.cn',
    'ceye.io',
    'requestbin',
    'webhook.site',
    'pipedream',
    'canarytokens',
    'nip.io',
    'sslip.io',
    'xip.io',
    'localtest.me',
    'lvh.me',
    'vcap.me',
    'lacolhost',
    'rbndr.us',
    '//localhost',
    '//metadata',
    '169.254',
    'metadata',
    'localhost',
    '127.0.',
    '127.1',
    '0x7f',
    '[::',
    'gopher:',
    'dict:',
    'ldap:',
    'ldaps:',
    'tftp:',
    'jar:',
    'netdoc:',
    'sftp:',
  ],
  check,
}

const URL_IN_VALUE =
  /^\s{0,8}((?:[a-z][a-z0-9+.-]{1,15}:)?[/\\]{2}|(?:gopher|dict|ldaps?|tftp|jar|netdoc|sftp|url):\/{0,2})([^/\\?#\s]{0,300})([/\\?#]\S{0,512})?/i
const BARE_HOST =
  /^\s{0,8}(169\.254\.169\.254|metadata\.google\.internal|localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|0\.0\.0\.0|\[::1?\])(?::(\d{1,5}))?(?=[/?#\s]|$)/i
const SECOND_AUTHORITY = /^[#?\\]{1,2}@([^@\s]{1,200})$/
const SCHEME = /^(?:gopher|dict|ldaps?|tftp|jar|netdoc|sftp):/i
const METADATA_PATH =
  /(?:latest\/(?:meta-data|user-data|dynamic|api\/token)|computeMetadata\/v1|metadata\/(?:instance|identity|v1)|opc\/v[12]\/instance|\.kube\/config|v1\/secret)/i
const CALLBACK =
  /(?:^|\.)(?:burpcollaborator\.net|oastify\.com|interact\.sh|oast\.(?:fun|live|me|online|pro|site)|dnslog\.cn|ceye\.io|requestbin\.\w{2,8}|webhook\.site|pipedream\.net|canarytokens\.com)$/i
const REBINDING = /(?:^|\.)(?:nip\.io|sslip\.io|xip\.io|localtest\.me|lvh\.me|vcap\.me|lacolhost\.com|rbndr\.us)$/i
const INNER_NAME = /(?:^|\.)(?:localhost|internal|local|intranet|corp|lan|home\.arpa|svc|cluster\.local)$/i

/** Addresses of a text that are looked at; where one may begin in it; and what is said in passing is worth less. */
const MAX_IN_TEXT = 8
const IN_TEXT = /[\s("'<[=,](?=[a-z][a-z0-9+.-]{1,15}:\/\/)/gi
const TEXT_DISCOUNT = 3

function check(unwrapped: Unwrapped, field: Field): readonly Evidence[] {
  const found = whole(unwrapped, field)
  if (found !== NO_EVIDENCE || field.place === 'path' || field.place === 'header') return found
  // What follows links in texts (previews, importers) may be led to one.
  const { text } = unwrapped
  let strongest: Evidence | null = null
  let looked = 0
  for (const { index } of text.matchAll(IN_TEXT)) {
    if (++looked > MAX_IN_TEXT) break
    const from = index + 1
    for (const evidence of whole({ text: text.slice(from, from + MAX_URL), layers: [] }, field)) {
      const logOdds = evidence.logOdds - TEXT_DISCOUNT
      if (strongest === null || logOdds > strongest.logOdds) strongest = { ...evidence, logOdds }
    }
  }
  return strongest === null ? NO_EVIDENCE : [strongest]
}

const MAX_URL = 900

function whole({ text }: Unwrapped, field: Field): readonly Evidence[] {
  // Where a request came from is no address the server would ask; and a path begins with slashes of its own.
  if (field.place === 'path' || field.name === 'header:referer' || field.name === 'header:origin') return NO_EVIDENCE
  const url = URL_IN_VALUE.exec(text)
  if (url === null) {
    const bare = BARE_HOST.exec(text)
    if (bare === null || /^header:x-(?:forwarded|real)|^header:(?:forwarded|via|x-client)/.test(field.name))
      return NO_EVIDENCE
    return [evidence('ssrf.host', /169|metadata/.test(bare[1]!) ? 9 : bare[2] === undefined ? 4 : 6, text, bare[0])]
  }
  const [, scheme = '', authority = '', path = ''] = url
  if (SCHEME.test(scheme)) return [evidence('ssrf.scheme', 10, text, scheme)]
  // What ends the authority for one parser is part of it for another: `good#@evil`, `good\\@evil`.
  const second = SECOND_AUTHORITY.exec(path)
  if (second !== null) {
    const inner = whole({ text: `http://${second[1]}`, layers: [] }, field)
    if (inner !== NO_EVIDENCE) return inner
  }
  const at = authority.lastIndexOf('@')
  const host = hostOf(authority.slice(at + 1))
  const address = ipv4Of(host) ?? ipv6Of(host)
  const metadata = METADATA_PATH.test(path)
  if (isMetadata(host, address)) return [evidence('ssrf.metadata', 12, text, host)]
  if (CALLBACK.test(host)) return [evidence('ssrf.callback', 9, text, host)]
  if (REBINDING.test(host)) return [evidence('ssrf.rebinding', 9, text, host)]
  if (address !== null) {
    const kind = kindOf(address)
    if (kind === '') return metadata ? [evidence('ssrf.metadata_path', 7, text, path)] : NO_EVIDENCE
    // Nobody writes an address like that to be read.
    const disguised = !PLAIN_ADDRESS.test(host)
    return [evidence(`ssrf.${kind}`, disguised ? 11 : metadata ? 10 : kind === 'loopback' ? 8 : 7, text, host)]
  }
  if (INNER_NAME.test(host)) return [evidence('ssrf.inner_name', /^localhost$/i.test(host) ? 8 : 7, text, host)]
  if (at > 0 && authority.slice(0, at).includes('.')) return [evidence('ssrf.userinfo', 7, text, authority)]
  if (metadata) return [evidence('ssrf.metadata_path', 7, text, path)]
  return NO_EVIDENCE
}

function evidence(rule: string, logOdds: number, text: string, tokens: string): Evidence {
  return { rule, logOdds, excerpt: text.slice(0, 200), tokens: tokens.slice(0, 80) }
}

const PLAIN_ADDRESS = /^(?:\d{1,3}\.){3}\d{1,3}$|^\[[0-9a-f:]{2,39}\]$/i

function hostOf(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(0, authority.indexOf(']') + 1 || authority.length)
  const colon = authority.indexOf(':')
  const host = colon < 0 ? authority : authority.slice(0, colon)
  // Full-width and circled forms are what NFKC takes them for, as resolvers do; a final dot is the root.
  return host.normalize('NFKC').replace(/\.$/, '').slice(0, 255)
}

/** As inet_aton reads it: one to four numbers, decimal, octal or hexadecimal, the last filling what is left. */
export function ipv4Of(host: string): number | null {
  const parts = host.split('.', 5)
  if (parts.length > 4) return null
  let address = 0
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    if (!NUMBER.test(part)) return null
    const value =
      part.startsWith('0x') || part.startsWith('0X')
        ? Number.parseInt(part, 16)
        : part.startsWith('0')
          ? Number.parseInt(part, 8)
          : Number(part)
    const last = i === parts.length - 1
    const room = last ? 256 ** (4 - i) : 256
    // Some resolvers take what is too large modulo its room.
    if (Number.isNaN(value)) return null
    address += last ? value % room : (value % 256) * 256 ** (3 - i)
  }
  return address
}
const NUMBER = /^(?:0x[0-9a-f]{1,16}|0[0-7]{0,22}|[1-9]\d{0,10})$/i

/** The IPv4 address inside an IPv6 one, or a stand-in for loopback and local ones. */
function ipv6Of(host: string): number | null {
  if (!host.startsWith('[')) return null
  const inner = host.slice(1, -1).toLowerCase()
  if (inner === '::1' || inner === '::' || /^(?:0{1,4}:){7}0{0,3}1$/.test(inner)) return LOOPBACK
  if (inner.startsWith('fe80:') || inner.startsWith('fc') || inner.startsWith('fd'))
    return inner.startsWith('fd00:ec2') ? METADATA : PRIVATE
  const dotted = /(?:^|:)((?:\d{1,3}\.){3}\d{1,3})$/.exec(inner)
  if (dotted !== null) return ipv4Of(dotted[1]!)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(inner)
  return mapped === null ? null : Number.parseInt(mapped[1]!, 16) * 65_536 + Number.parseInt(mapped[2]!, 16)
}

const LOOPBACK = 0x7f000001
const PRIVATE = 0x0a000001
const METADATA = 0xa9fea9fe

function isMetadata(host: string, address: number | null): boolean {
  return (
    address === METADATA ||
    address === 0x646464c8 ||
    /^(?:metadata(?:\.google)?(?:\.internal)?|instance-data)$/i.test(host)
  )
}

function kindOf(address: number): '' | 'loopback' | 'private' {
  const first = Math.floor(address / 16_777_216)
  const second = Math.floor(address / 65_536) % 256
  if (first === 127 || address === 0) return 'loopback'
  if (
    first === 10 ||
    first === 0 ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168)
  )
    return 'private'
  return (first === 169 && second === 254) || (first === 100 && second >= 64 && second < 128) ? 'private' : ''
}
