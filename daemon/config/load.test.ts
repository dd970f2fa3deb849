import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineDetector } from '../../analyzers/detector.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { effectiveConfig, effectiveYaml } from './effective.ts'
import { readConfigText } from './load.ts'
import { buildConfigSchema, detectorOptions } from './schema.ts'

const schema = buildConfigSchema([
  defineDetector({
    id: 'auth.bruteforce',
    title: 'Password guessing',
    owasp: [],
    attack: [],
    describes: { detects: '', statistic: '', memory: '', warmUp: '', traps: '', tuning: '' },
    options: z.strictObject({
      maxKeys: z.int().min(1).default(1000).describe('Most callers watched at once.'),
      report: z.number().gt(0).lt(1).default(0.5).describe('p-value of a signal.'),
    }),
    create: () => {
      throw new Error('not needed')
    },
  }),
])

function load(text: string, flags: Record<string, unknown> = {}) {
  return effectiveConfig(schema, readConfigText(text, 'offpath.yaml'), flags)
}

/** The message of the one failure that a text gives. */
function problems(text: string): string {
  try {
    load(text)
  } catch (error) {
    if (!(error instanceof OffpathError)) throw error
    expect(error.code).toBe('OFFPATH_E_CONFIG')
    expect(error.exitCode).toBe(78)
    return error.message
  }
  return 'no problem'
}

const KEYS = 'sources, identity, privacy, endpoints, detectors, policies, sinks, store, response, server, limits, state'

describe('a wrong file says what is wrong and where', () => {
  test.each([
    ['an unknown key at the top', 'source:\n  - x\n', 'offpath.yaml:1:1 source: unknown key, did you mean `sources`?'],
    [
      'an unknown key in a source',
      'sources:\n  - kind: pcap\n    interfce: eth0\n',
      '2 problems in the configuration\n' +
        'offpath.yaml:2:5 sources[0].interface: expected text, and it is missing\n' +
        'offpath.yaml:3:5 sources[0].interfce: unknown key, did you mean `interface`?',
    ],
    [
      'camel case',
      'limits: {idleSeconds: 3}',
      'offpath.yaml:1:10 limits.idleSeconds: unknown key, did you mean `idle_seconds`?',
    ],
    [
      'a key in the wrong place',
      'ring_mib: 64\n',
      'offpath.yaml:1:1 ring_mib: unknown key here, it belongs at `sources[].ring_mib`',
    ],
    [
      'a key nobody knows',
      'privacy:\n  reveal: true\n',
      'offpath.yaml:2:3 privacy.reveal: unknown key; known here: key_file, previous_key_ids, bodies',
    ],
    [
      'a number out of range',
      'limits:\n  flows: 99999999\n',
      'offpath.yaml:2:10 limits.flows: expected at most 10000000, found 99999999',
    ],
    [
      'text for a number',
      'limits:\n  flows: many\n',
      'offpath.yaml:2:10 limits.flows: expected a number, found "many"',
    ],
    [
      'a fraction',
      'limits:\n  flows: 1000.5\n',
      'offpath.yaml:2:10 limits.flows: expected a whole number, found 1000.5',
    ],
    [
      'a source without a kind',
      'sources:\n  - interface: eth0\n',
      'offpath.yaml:2:5 sources[0].kind: expected one of pcap, exec, udp-tunnel, kafka, file, and it is missing',
    ],
    [
      'a mistyped kind',
      'sources:\n  - kind: pcpa\n    interface: eth0\n',
      'offpath.yaml:2:11 sources[0].kind: expected one of pcap, exec, udp-tunnel, kafka, file, found "pcpa", did you mean `pcap`?',
    ],
    [
      'a shell command line for a list',
      'sources:\n  - {kind: exec, command: "tcpdump -w -"}\n',
      'offpath.yaml:2:27 sources[0].command: expected a list, found "tcpdump -w -"',
    ],
    [
      'an empty command',
      'sources:\n  - {kind: exec, command: []}\n',
      'offpath.yaml:2:27 sources[0].command: expected at least 1 entry, found 0',
    ],
    [
      'a section without settings',
      'limits:\n',
      'offpath.yaml:1:1 limits: expected settings (key: value), found nothing',
    ],
    [
      'sources as a mapping',
      'sources:\n  kind: pcap\n',
      'offpath.yaml:2:3 sources: expected a list, found settings (key: value)',
    ],
    [
      'a hop that is no address',
      'identity:\n  trusted_hops: [10.0.0.0/8, 10.0.0.0/33, proxy.test]\n',
      '2 problems in the configuration\n' +
        'offpath.yaml:2:30 identity.trusted_hops[1]: expected an address or a block such as 10.0.0.0/8 or 2001:db8::/32, found "10.0.0.0/33"\n' +
        'offpath.yaml:2:43 identity.trusted_hops[2]: expected an address or a block such as 10.0.0.0/8 or 2001:db8::/32, found "proxy.test"',
    ],
    [
      'a mistyped detector',
      'detectors:\n  auth.brutforce: {enabled: false}\n',
      'offpath.yaml:2:3 detectors[auth.brutforce]: unknown key, did you mean `auth.bruteforce`?',
    ],
    [
      'a mistyped option of a detector',
      'detectors:\n  auth.bruteforce: {max_key: 3}\n',
      'offpath.yaml:2:21 detectors[auth.bruteforce].max_key: unknown key, did you mean `max_keys`?',
    ],
    [
      'yes for true (YAML 1.2)',
      'detectors:\n  auth.bruteforce: {enabled: yes}\n',
      'offpath.yaml:2:30 detectors[auth.bruteforce].enabled: expected true or false, found "yes"',
    ],
    ['the same key twice', 'limits: {}\nlimits: {}\n', 'offpath.yaml:2:1 this key stands twice in the same place'],
    ['a list at the top', '- kind: pcap\n', 'offpath.yaml:1:1 expected settings (key: value), found a list'],
    ['plain text', 'hello\n', 'offpath.yaml:1:1 expected settings (key: value), found "hello"'],
    [
      'two documents',
      'limits: {}\n---\nlimits: {}\n',
      'offpath.yaml:2:1 a second document starts here: one file holds one document',
    ],
    ['a tab', 'limits:\n\tflows: 1000\n', 'offpath.yaml:2:1 a tab cannot indent YAML: use spaces'],
    [
      'an unknown tag',
      'privacy: {key_file: !secret x}\n',
      'offpath.yaml:1:21 is no valid YAML: Unresolved tag: !secret',
    ],
    [
      'prototype names',
      '__proto__: {limits: 1}\nconstructor: 2\n',
      '2 problems in the configuration\n' +
        `offpath.yaml:1:1 __proto__: unknown key; known here: ${KEYS}\n` +
        `offpath.yaml:2:1 constructor: unknown key; known here: ${KEYS}`,
    ],
  ])('%s', (_, text, expected) => expect(problems(text)).toBe(expected))

  test('broken YAML has its place', () => {
    expect(problems('limits: {flows: 1\nidentity: 3\n')).toMatch(
      /^(\d+ problems[^\n]*\n)?offpath\.yaml:2:\d+ is no valid YAML: /,
    )
  })

  test('an alias bomb is refused', () => {
    const levels = Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(10)}]`)
    expect(problems(`a0: &a0 [x]\n${levels.join('\n')}\n`)).toMatch(/is no usable YAML: Excessive alias count/)
  })

  test('a file of more than a MiB is not even parsed', () => {
    expect(problems('#'.repeat(1024 * 1024 + 1))).toMatch(/over 1 MiB/)
  })
})

describe('a right file', () => {
  test.each(['', '\n', '# only a comment\n', '---\n', '{}'])('%j sets nothing, so every default holds', (text) => {
    expect(load(text).config).toEqual(effectiveConfig(schema, null).config)
  })

  test('keeps text as it is: no variable and no home folder is expanded', () => {
    const { config } = load('privacy: {key_file: "$HOME/~/`id`/$(id)"}')
    expect(config.privacy.key_file).toBe('$HOME/~/`id`/$(id)')
  })

  test('takes the options of a detector in snake case and gives them as the detector names them', () => {
    const { config } = load('detectors: {auth.bruteforce: {max_keys: 5}}')
    expect(detectorOptions(config, 'auth.bruteforce')).toEqual({ maxKeys: 5, report: 0.5 })
    expect(problems('detectors: {auth.bruteforce: {maxKeys: 5}}')).toContain('did you mean `max_keys`?')
  })

  test('gives a detector its options without `enabled`, and null when it is off', () => {
    expect(detectorOptions(load('').config, 'auth.bruteforce')).toEqual({ maxKeys: 1000, report: 0.5 })
    expect(detectorOptions(load('detectors: {auth.bruteforce: {enabled: false}}').config, 'auth.bruteforce')).toBeNull()
  })
})

describe('where a value comes from', () => {
  const text = 'limits:\n  flows: 1000\nsources:\n  - kind: pcap\n    interface: eth0\n'

  test('is the default, the file with its line, or a flag', () => {
    const { origins } = load(text)
    expect(origins.get('limits.flows')).toEqual({ from: 'file', at: 'offpath.yaml:2:3' })
    expect(origins.get('limits.head_kib')).toEqual({ from: 'default' })
    expect(origins.get('sources[0].ring_mib')).toEqual({ from: 'default' })
    expect(load(text, { sources: [{ kind: 'file', path: 'x' }] }).origins.get('sources[0].path')).toEqual({
      from: 'flag',
    })
  })

  test('a flag replaces the sources of the file', () => {
    expect(load(text, { sources: [{ kind: 'file', path: '-' }] }).config.sources).toEqual([{ kind: 'file', path: '-' }])
  })

  test('a wrong flag is told apart from a wrong file', () => {
    expect(() => load(text, { sources: [{ kind: 'pcap', interface: '' }] })).toThrow(
      'command line sources[0].interface: expected text, found nothing',
    )
  })

  test('what is printed is a configuration that means the same', () => {
    const effective = load(text)
    const printed = effectiveYaml(effective)
    expect(printed).toContain('flows: 1000 # offpath.yaml:2:3')
    expect(printed).toContain('trusted_hops: [] # default')
    expect(load(printed).config).toEqual(effective.config)
  })
})
