/**
 * Every detector id there may ever be, with what it maps to: OWASP API Security Top 10 (2023) and MITRE ATT&CK. A detector with
 * an id outside this list fails a test; so rules, dashboards and webhooks can be written against ids before a detector exists.
 */
interface Tags {
  readonly owasp: readonly string[]
  readonly attack: readonly string[]
}

const tags = (owasp: readonly string[], attack: readonly string[] = []): Tags => ({ owasp, attack })

const AUTH = ['API2:2023']
const OBJECT = ['API1:2023']
const PROPERTY = ['API3:2023']
const CONSUMPTION = ['API4:2023']
const FUNCTION = ['API5:2023']
const FLOW = ['API6:2023']
const SSRF = ['API7:2023']
const MISCONFIGURED = ['API8:2023']
const INVENTORY = ['API9:2023']
const THIRD_PARTY = ['API10:2023']
const EXPLOIT = ['T1190']

export const DETECTOR_TAGS = {
  'auth.bruteforce': tags(AUTH, ['T1110.001']),
  'auth.spray': tags(AUTH, ['T1110.003']),
  'auth.stuffing': tags(AUTH, ['T1110.004']),
  'auth.otp': tags(AUTH, ['T1110.001']),
  'auth.missing': tags(AUTH, EXPLOIT),
  'auth.token_theft': tags(AUTH, ['T1528', 'T1539', 'T1550.001']),
  'auth.token_forged': tags(AUTH, ['T1550.001']),
  'auth.token_hygiene': tags(AUTH, ['T1078']),
  'object.enumeration': tags(OBJECT, ['T1119', 'T1213']),
  'object.ownership': tags(OBJECT, ['T1213']),
  'function.privilege': tags(FUNCTION, ['T1068', 'T1548']),
  'property.mass_assignment': tags(PROPERTY, EXPLOIT),
  'property.exposure': tags(PROPERTY, ['T1213']),
  'consumption.rate': tags(CONSUMPTION, ['T1499.003']),
  'consumption.volume': tags(CONSUMPTION, ['T1499.003']),
  'consumption.size': tags(CONSUMPTION, ['T1499.003']),
  'consumption.cost': tags(CONSUMPTION, ['T1499.003']),
  'flow.sequence': tags(FLOW),
  'flow.velocity': tags(FLOW),
  'injection.sqli': tags(MISCONFIGURED, EXPLOIT),
  'injection.nosqli': tags(MISCONFIGURED, EXPLOIT),
  'injection.xss': tags(MISCONFIGURED, EXPLOIT),
  'injection.command': tags(MISCONFIGURED, EXPLOIT),
  'injection.code': tags(MISCONFIGURED, EXPLOIT),
  'injection.traversal': tags(MISCONFIGURED, EXPLOIT),
  'injection.lfi': tags(MISCONFIGURED, EXPLOIT),
  'injection.rfi': tags(MISCONFIGURED, EXPLOIT),
  'injection.ssti': tags(MISCONFIGURED, EXPLOIT),
  'injection.xxe': tags(MISCONFIGURED, EXPLOIT),
  'injection.jndi': tags(MISCONFIGURED, EXPLOIT),
  'injection.ssrf': tags(SSRF, EXPLOIT),
  'injection.ldap': tags(MISCONFIGURED, EXPLOIT),
  'injection.mail': tags(MISCONFIGURED, EXPLOIT),
  'injection.crlf': tags(MISCONFIGURED, EXPLOIT),
  'injection.deserialization': tags(MISCONFIGURED, EXPLOIT),
  'injection.prototype': tags(MISCONFIGURED, EXPLOIT),
  'injection.session_fixation': tags(AUTH, EXPLOIT),
  'leak.stack': tags(MISCONFIGURED),
  'leak.sql_error': tags(MISCONFIGURED),
  'leak.source': tags(MISCONFIGURED),
  'leak.listing': tags(MISCONFIGURED),
  'leak.secret': tags(MISCONFIGURED),
  'scan.probing': tags(MISCONFIGURED, ['T1595.003']),
  'scan.tripwire': tags(MISCONFIGURED, ['T1595.003']),
  'scan.fingerprint': tags(MISCONFIGURED, ['T1595.002']),
  'scrape.crawl': tags(FLOW, ['T1119']),
  'scrape.exfiltration': tags(FLOW, ['T1567']),
  'inventory.shadow': tags(INVENTORY),
  'inventory.zombie': tags(INVENTORY),
  'inventory.drift': tags(INVENTORY),
  'graphql.introspection': tags(MISCONFIGURED, ['T1526']),
  'graphql.batching': tags(CONSUMPTION, ['T1499.003']),
  'graphql.depth': tags(CONSUMPTION, ['T1499.003']),
  'smuggling.framing': tags(MISCONFIGURED, EXPLOIT),
  'smuggling.desync': tags(MISCONFIGURED, EXPLOIT),
  'regression.errors': tags([]),
  'regression.latency': tags([]),
  'regression.security': tags(MISCONFIGURED),
  'regression.silence': tags([]),
  'egress.new_host': tags(THIRD_PARTY, ['T1567']),
  'egress.downgrade': tags(THIRD_PARTY),
  'egress.redirect': tags(THIRD_PARTY),
  'egress.schema': tags(THIRD_PARTY),
  'egress.exposure': tags(THIRD_PARTY, ['T1567']),
  'baseline.drift': tags([]),
  'baseline.frozen': tags([]),
  'baseline.model_changed': tags([]),
  'capture.blind': tags([]),
  'capture.silent': tags([]),
} as const satisfies Record<string, Tags>

export type DetectorId = keyof typeof DETECTOR_TAGS
export const DETECTOR_IDS = Object.keys(DETECTOR_TAGS) as readonly DetectorId[]

const PAYLOAD_READERS = /^(?:graphql|injection|leak)\.|^scan\.fingerprint$/

/** Whether the detector of this id reads what was found in payloads, as its declaration says: known without loading any detector. */
export function readsPayloads(id: string): boolean {
  return PAYLOAD_READERS.test(id)
}
