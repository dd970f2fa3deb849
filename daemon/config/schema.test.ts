import { expect, test } from 'vitest'
import { DETECTORS } from '../../analyzers/registry.ts'
import { DEFAULT_HTTP_LIMITS } from '../http/limits.ts'
import { IDENTITY_DEFAULTS } from '../identity/recorder.ts'
import { REASSEMBLY_LIMITS } from '../reassembly/limits.ts'
import { CONFIG_SCHEMA } from './current-schema.ts'
import { effectiveConfig } from './effective.ts'
import { detectorOptions } from './schema.ts'

const { identity, limits, detectors } = effectiveConfig(CONFIG_SCHEMA, null).config
const KIB = 1024
const SECOND_US = 1_000_000

test('the defaults of the configuration are those of the stages', () => {
  expect(identity).toEqual({
    trusted_hops: IDENTITY_DEFAULTS.trustedHops,
    cdn: IDENTITY_DEFAULTS.cdn,
    asn_database: null,
    api_key_headers: IDENTITY_DEFAULTS.apiKeyHeaders,
    session_cookies: IDENTITY_DEFAULTS.sessionCookies,
    certificate_headers: IDENTITY_DEFAULTS.certificateHeaders,
    names: IDENTITY_DEFAULTS.names,
    display: IDENTITY_DEFAULTS.display,
    jwks: IDENTITY_DEFAULTS.keySets,
    labels: [],
  })
  const { workers: _workers, memory_mib: _budget, evidence_mib: _evidence, ...stages } = limits
  expect(stages).toEqual({
    reassembly_mib: REASSEMBLY_LIMITS.heldBytes / KIB / KIB,
    connections_mib: REASSEMBLY_LIMITS.keptBytes / KIB / KIB,
    hold_kib: REASSEMBLY_LIMITS.heldBytesPerDirection / KIB,
    hold_segments: REASSEMBLY_LIMITS.heldSegmentsPerDirection,
    hold_seconds: REASSEMBLY_LIMITS.holeUs / SECOND_US,
    flows: REASSEMBLY_LIMITS.flows,
    idle_seconds: REASSEMBLY_LIMITS.idleUs / SECOND_US,
    response_seconds: DEFAULT_HTTP_LIMITS.responseWaitUs / SECOND_US,
    pending_requests: DEFAULT_HTTP_LIMITS.maxPending,
    head_kib: Math.ceil(DEFAULT_HTTP_LIMITS.maxHeadBytes / KIB),
    headers: DEFAULT_HTTP_LIMITS.maxHeaders,
    field_kib: DEFAULT_HTTP_LIMITS.maxFieldBytes / KIB,
    body_kib: DEFAULT_HTTP_LIMITS.maxBodyBytes / KIB,
    body_decode_kib: DEFAULT_HTTP_LIMITS.maxDecodedBytes / KIB,
  })
})

test('the shares of the memory budget must fit in it', () => {
  const problems = (limits: Record<string, number>) => {
    const read = CONFIG_SCHEMA.safeParse({ limits })
    return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  }
  expect(problems({ memory_mib: 928 })).toEqual([])
  expect(problems({ memory_mib: 927 })).toEqual([
    'limits.memory_mib: expected at least 928: reassembly_mib, connections_mib, evidence_mib and 448',
  ])
  expect(problems({ reassembly_mib: 512 })).toEqual([
    expect.stringContaining('limits.memory_mib: expected at least 1184'),
  ])
  expect(problems({ reassembly_mib: 512, memory_mib: 1184 })).toEqual([])
})

test.each(DETECTORS)('$id runs by default, with options its own schema accepts', ({ id, options }) => {
  const config = effectiveConfig(CONFIG_SCHEMA, null).config
  expect(detectors[id]?.enabled).toBe(true)
  expect(options.parse(detectorOptions(config, id))).toEqual(options.parse({}))
})

test('a tunnel says where it listens, who sends, and what arrives', () => {
  const refused = (source: Record<string, unknown>) => {
    const read = CONFIG_SCHEMA.safeParse({ sources: [{ kind: 'udp-tunnel', senders: ['10.0.0.0/8'], ...source }] })
    return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.slice(2).join('.')}: ${message}`)
  }
  for (const listen of ['10.0.0.5:4789', '0.0.0.0:6081', '[2001:db8::5]:8472']) expect(refused({ listen })).toEqual([])
  for (const listen of ['4789', '10.0.0.5', '10.0.0.5:0', '10.0.0.5:70000', '10.0.0.500:4789', '2001:db8::5:4789']) {
    expect(refused({ listen })[0]).toContain('listen: expected one address')
  }
  expect(refused({ listen: '10.0.0.5:5000' })).toEqual([expect.stringContaining('protocol: the port does not say')])
  expect(refused({ listen: '10.0.0.5:5000', protocol: 'geneve', vnis: [0, 16_777_215, '5-5', '1-200'] })).toEqual([])
  for (const vni of ['9-3', '1-16777216', '7', 16_777_216, -1]) {
    expect(refused({ listen: '10.0.0.5:4789', vnis: [vni] })).toHaveLength(1)
  }
  expect(refused({ listen: '10.0.0.5:4789', senders: [] })).toHaveLength(1)
})
