import { describe, expect, test } from 'vitest'
import { fakeSignal as signal } from '../../test/fake-signal.ts'
import type { Incident, IncidentChange } from '../model/incident.ts'
import type { Signal } from '../model/signal.ts'
import { HOUR_US, MINUTE_US, SECOND_US } from '../model/time.ts'
import { shippedPolicies } from '../policies/load.ts'
import { Counters } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import { IncidentBook, type IncidentBookOptions } from './incident-book.ts'
import type { FoldingRule } from './rules.ts'

const START = Date.UTC(2026, 10, 20, 8) * 1000

function book(options: Partial<IncidentBookOptions> = {}): { book: IncidentBook; counters: Counters } {
  const counters = new Counters()
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters }
  return { book: new IncidentBook({ telemetry, rules: shippedPolicies().rules, ...options }), counters }
}

function guess(time: number, account: string, source: string | null, given: Partial<Signal> = {}): Signal {
  return signal(time, {
    detector: 'auth.bruteforce',
    subject: { kind: 'user', value: account },
    evidence: { source, source_kind: source === null ? null : 'ip' },
    ...given,
  })
}

const kinds = (changes: readonly IncidentChange[]): string[] => changes.map((change) => change.kind)

describe('IncidentBook', () => {
  test('one attack is one incident, opened when the evidence is complete and never back-dated', () => {
    const { book: incidents } = book()
    expect(incidents.push(signal(START, { log10P: -3.2 }))).toEqual([])
    const opened = incidents.push(signal(START + SECOND_US, { log10P: -5.1 }))
    expect(kinds(opened)).toEqual(['opened'])
    expect(opened[0]!.incident).toMatchObject({ openedAt: START + SECOND_US, status: 'open', signalCount: 1 })
    for (let i = 2; i < 500; i++) incidents.push(signal(START + i * SECOND_US))
    expect(incidents.open()).toHaveLength(1)
    expect(incidents.open()[0]!.signalCount).toBe(499)
  })

  test('evidence holds the run-up and the signals below the budget, is capped at 100, and the count says the rest', () => {
    const { book: incidents } = book()
    const before = [{ transactionId: 'a', time: START - 5, status: 404 }]
    incidents.push(signal(START, { log10P: -3.2, evidenceBefore: before }))
    for (let i = 1; i < 300; i++) incidents.push(signal(START + i * SECOND_US))
    const incident = incidents.open()[0]!
    expect(incident.evidence).toHaveLength(100)
    expect(incident.evidence[0]!.transactionId).toBe('a')
    expect(incident.evidence.at(-1)!.transactionId).toBe(`t${START + 299 * SECOND_US}`)
    expect(incident.transactionCount).toBe(301)
  })

  test('a flood of signals is few updates, and a graver signal is told at once', () => {
    const { book: incidents } = book()
    const changes: IncidentChange[] = []
    for (let i = 0; i < 1000; i++) changes.push(...incidents.push(signal(START + i * 10_000)))
    changes.push(...incidents.push(signal(START + 11 * SECOND_US, { severity: 'high', why: 'it was answered' })))
    expect(changes.length).toBeLessThan(10)
    expect(changes.at(-1)).toMatchObject({ kind: 'updated', incident: { severity: 'high', why: 'it was answered' } })
  })

  test('what grew is told once more when it has come to rest', () => {
    const { book: incidents } = book()
    for (let i = 0; i < 30; i++) incidents.push(signal(START + i * 10_000))
    expect(incidents.tick(START + 5 * SECOND_US)).toEqual([])
    expect(incidents.tick(START + 11 * SECOND_US)).toMatchObject([{ kind: 'updated', incident: { signalCount: 30 } }])
    expect(incidents.tick(START + 12 * SECOND_US)).toEqual([])
    incidents.push(signal(START + 13 * SECOND_US))
    expect(kinds(incidents.tick(START + 2 * HOUR_US + MINUTE_US))).toEqual(['updated', 'closed'])
  })

  test('severity and sentence do not fall back when later attempts are refused', () => {
    const { book: incidents } = book()
    incidents.push(signal(START, { severity: 'high', why: 'it was answered' }))
    incidents.push(signal(START + SECOND_US, { severity: 'low', why: 'refused' }))
    expect(incidents.open()[0]).toMatchObject({ severity: 'high', why: 'it was answered' })
  })

  test('two hours of silence close it, more of the same within six hours reopens it, later opens another', () => {
    const { book: incidents } = book()
    const [opened] = incidents.push(signal(START))
    expect(incidents.tick(START + HOUR_US)).toEqual([])
    const [closed] = incidents.tick(START + 2 * HOUR_US + MINUTE_US)
    expect(closed).toMatchObject({ kind: 'closed', incident: { status: 'resolved', closedAt: START + 2 * HOUR_US } })
    const [reopened] = incidents.push(signal(START + 5 * HOUR_US))
    expect(reopened).toMatchObject({
      kind: 'opened',
      incident: { id: opened!.incident.id, status: 'open', closedAt: null },
    })
    expect(kinds(incidents.push(signal(START + 20 * HOUR_US)))).toEqual(['closed', 'opened'])
    expect(incidents.open()[0]!.id).not.toBe(opened!.incident.id)
  })

  test('a guess every three hours is one incident that stays open', () => {
    const { book: incidents } = book()
    const kinds: string[] = []
    for (let i = 0; i < 8; i++) {
      const guess = signal(START + i * 3 * HOUR_US, {
        detector: 'auth.bruteforce',
        log10P: -6,
        subject: { kind: 'user', value: 'hmac:ada' },
      })
      for (const change of incidents.push(guess)) kinds.push(change.kind)
    }
    expect(kinds.filter((kind) => kind !== 'updated')).toEqual(['opened'])
  })

  test('a scanner on two services is one incident; two scanners are two', () => {
    const { book: incidents } = book()
    incidents.push(signal(START))
    incidents.push(signal(START + 1000, { service: 'admin.shop.test' }))
    const other = { kind: 'ip', value: '203.0.113.10' }
    incidents.push(signal(START + 2000, { subject: other }))
    expect(incidents.open()).toHaveLength(2)
  })

  test('one source guessing at many accounts is one incident about the source', () => {
    const { book: incidents } = book()
    for (let i = 0; i < 20; i++) incidents.push(guess(START + i * SECOND_US, `hmac:a${i}`, '203.0.113.9'))
    const [incident] = incidents.open()
    expect(incidents.open()).toHaveLength(1)
    expect(incident!.subject).toMatchObject({ kind: 'ip', value: '203.0.113.9' })
    expect(incident!.subject.members).toContain('hmac:a7')
  })

  test('many sources guessing at one account are one incident about the account', () => {
    const { book: incidents } = book()
    for (let i = 0; i < 20; i++)
      incidents.push(guess(START + i * SECOND_US, 'hmac:ada', i % 2 === 0 ? null : `203.0.113.${i}`))
    expect(incidents.open()).toHaveLength(1)
    expect(incidents.open()[0]!.subject).toMatchObject({ kind: 'user', value: 'hmac:ada' })
  })

  test('outcomes are merged: accounts, objects of each endpoint, the highest chance of success', () => {
    const { book: incidents } = book()
    const read = (time: number, endpoint: string, objectsExposed: number) =>
      incidents.push(
        signal(time, {
          detector: 'object.enumeration',
          endpoint,
          outcome: { answered: 1, refused: 0, objectsExposed, accounts: [], pSuccess: objectsExposed / 100 },
        }),
      )
    read(START, 'GET /v1/orders/{id}', 10)
    read(START + 1000, 'GET /v1/orders/{id}', 40)
    read(START + 2000, 'GET /v1/invoices/{id}', 5)
    expect(incidents.open()[0]).toMatchObject({
      endpoints: ['GET /v1/orders/{id}', 'GET /v1/invoices/{id}'],
      outcome: { objectsExposed: 45, pSuccess: 0.4 },
    })
  })

  test('what was not seen whole lowers completeness', () => {
    const { book: incidents } = book()
    incidents.push(signal(START))
    incidents.push(signal(START + 1000, { whole: false }))
    expect(incidents.open()[0]!.completeness).toBe(0.5)
  })

  test('open incidents are bounded: the one silent longest is closed and counted', () => {
    const { book: incidents, counters } = book({ maxOpen: 10 })
    const closed: Incident[] = []
    for (let i = 0; i < 50; i++) {
      const changes = incidents.push(signal(START + i * 1000, { subject: { kind: 'ip', value: `203.0.113.${i}` } }))
      for (const change of changes) if (change.kind === 'closed') closed.push(change.incident)
    }
    expect(incidents.open()).toHaveLength(10)
    expect(closed[0]!.subject.value).toBe('203.0.113.0')
    expect(counters.get('incidents.evicted')).toBe(40)
  })

  test('an observation opens nothing', () => {
    expect(book().book.push(signal(START, { severity: 'info' }))).toEqual([])
  })

  test('ids are 26 digits, the same for the same signals, and begin with the opening time', () => {
    const ids = [0, 1].map(() => {
      const { book: incidents } = book()
      incidents.push(signal(START))
      return incidents.open()[0]!.id
    })
    expect(ids[0]).toMatch(/^[0-7][0-9a-hjkmnp-tv-z]{25}$/)
    expect(ids[0]).toBe(ids[1])
    const later = book().book
    const [change] = later.push(signal(START + SECOND_US))
    expect(change!.incident.id > ids[0]!).toBe(true)
  })

  test('a user is shown as display says, and grouped by pseudonym', () => {
    const { book: incidents } = book()
    const principal = { kind: 'user', id: 'hmac:5b', display: 'u_48', via: 'jwt.sub', app: null } as const
    incidents.push(signal(START, { principal, subject: { kind: 'user', value: 'hmac:5b' } }))
    expect(incidents.open()[0]!.subject).toEqual({ kind: 'user', value: 'u_48', members: [] })
  })

  test('targets are what it is about, and where it came from', () => {
    const { book: incidents } = book()
    incidents.push(guess(START, 'hmac:ada', '203.0.113.9'))
    incidents.push(guess(START + 1, 'hmac:bob', '203.0.113.9'))
    incidents.push(guess(START + 2, 'x', '203.0.113.9', { subject: { kind: 'ip', value: '203.0.113.9' } }))
    expect(incidents.open()[0]!.targets).toEqual([
      { kind: 'user', value: 'hmac:ada', role: 'subject' },
      { kind: 'user', value: 'hmac:bob', role: 'subject' },
      { kind: 'ip', value: '203.0.113.9', role: 'source' },
    ])
  })

  describe('doubts', () => {
    const doubts = (given: Partial<Signal>, options: Partial<IncidentBookOptions> = {}) => {
      const { book: incidents } = book(options)
      incidents.push(signal(START, given))
      return incidents.open()[0]!.doubts
    }
    const ip = { kind: 'ip', id: '203.0.113.9', display: '', app: null } as const
    const basic = { kind: 'user', id: 'hmac:ada', display: '', via: 'basic', app: null } as const

    test('none when all was seen', () => expect(doubts({})).toEqual([]))
    test('evidence that was not seen whole', () => {
      expect(doubts({ whole: false })).toEqual(['one_sided'])
      const before = [{ transactionId: 'a', time: START, status: 404, whole: false }]
      expect(doubts({ evidenceBefore: before })).toEqual(['one_sided'])
    })
    test('one broken exchange among many is no doubt: an attacker can break one at will', () => {
      const run = Array.from({ length: 20 }, (_, i) => ({ transactionId: `w${i}`, time: START, status: 404 }))
      const broken = { transactionId: 'b', time: START, status: 404, whole: false }
      expect(doubts({ evidenceBefore: [...run, broken] })).toEqual([])
    })
    test('an address that only a hop trusted by default told', () => {
      expect(doubts({ principal: { ...ip, via: 'forwarded.default' }, forwarded: true })).toEqual(['forwarded.default'])
      expect(doubts({ principal: { ...ip, via: 'forwarded' }, forwarded: true })).toEqual([])
    })
    test('an address beside a name, unless the hops were configured', () => {
      expect(doubts({ principal: basic, forwarded: true })).toEqual(['forwarded.default'])
      expect(doubts({ principal: basic, forwarded: true }, { hopsConfigured: true })).toEqual([])
      expect(doubts({ principal: basic })).toEqual([])
    })
    test('an address that several people share', () => {
      expect(doubts({ sharedAddress: true })).toEqual(['shared_address'])
    })
    test('one doubtful signal is enough, for good', () => {
      const { book: incidents } = book()
      incidents.push(signal(START, { principal: { ...ip, via: 'forwarded.default' } }))
      incidents.push(signal(START + 1))
      expect(incidents.open()[0]!.doubts).toEqual(['forwarded.default'])
    })
  })

  describe('rules', () => {
    const rule = (given: Partial<FoldingRule> = {}): FoldingRule => ({
      policy: 'probing',
      detectors: ['scan.probing'],
      title: 'Probing',
      maxLog10P: -5,
      reopenWithinUs: HOUR_US,
      autoCloseUs: HOUR_US,
      accepts: () => true,
      severity: (given) => given.severity,
      keys: (given) => [given.subject.value],
      ...given,
    })

    test('several policies about one detector each open their incident', () => {
      const { book: incidents } = book({ rules: [rule(), rule({ policy: 'strict', maxLog10P: -7.5 })] })
      expect(incidents.push(signal(START, { log10P: -6 })).map(({ incident }) => incident.policy)).toEqual(['probing'])
      expect(kinds(incidents.push(signal(START + 1)))).toEqual(['opened'])
      expect(incidents.open().map(({ policy }) => policy)).toEqual(['probing', 'strict'])
    })

    test('one policy about several detectors names each', () => {
      const { book: incidents } = book({ rules: [rule({ detectors: ['scan.probing', 'object.enumeration'] })] })
      incidents.push(signal(START))
      incidents.push(signal(START + 1, { detector: 'object.enumeration' }))
      expect(incidents.open()).toMatchObject([
        { detector: 'scan.probing', detectors: ['scan.probing', 'object.enumeration'] },
      ])
    })

    test('a signal joins the open incident of a policy that it names, whichever was first, and opens its own otherwise', () => {
      const rules = [
        rule({ policy: 'paths', detectors: ['scan.probing'], joins: ['payloads'] }),
        rule({ policy: 'payloads', detectors: ['injection.sqli'], joins: ['paths'] }),
      ]
      const payload = (time: number, given: Partial<Signal> = {}) =>
        signal(time, { detector: 'injection.sqli', ...given })
      const { book: incidents } = book({ rules })
      incidents.push(signal(START))
      incidents.push(payload(START + SECOND_US, { severity: 'high', why: 'the query broke' }))
      const [joined, ...others] = incidents.open()
      expect(others).toEqual([])
      expect(joined).toMatchObject({
        policy: 'paths',
        detectors: ['scan.probing', 'injection.sqli'],
        severity: 'high',
        why: 'the query broke',
      })
      incidents.push(payload(START + 2 * SECOND_US, { subject: { kind: 'ip', value: '198.51.100.1' } }))
      incidents.push(signal(START + 3 * SECOND_US, { subject: { kind: 'ip', value: '198.51.100.1' } }))
      expect(incidents.open().map(({ policy, signalCount }) => [policy, signalCount])).toEqual([
        ['paths', 2],
        ['payloads', 2],
      ])
    })

    test('a signal that a policy is not about is passed over, and counted', () => {
      const { book: incidents, counters } = book({ rules: [rule({ accepts: () => false })] })
      expect(incidents.push(signal(START))).toEqual([])
      expect(counters.get('incidents.condition_unmet')).toBe(1)
    })

    test('severity is the policy’s', () => {
      const { book: incidents } = book({ rules: [rule({ severity: () => 'critical' })] })
      incidents.push(signal(START))
      expect(incidents.open()[0]!.severity).toBe('critical')
    })

    test('an open incident goes on under the new rule of its policy', () => {
      const { book: incidents } = book({ rules: [rule()] })
      incidents.push(signal(START))
      incidents.setRules([rule({ title: 'Probing, renamed', autoCloseUs: 5 * HOUR_US })])
      incidents.push(signal(START + 1))
      expect(incidents.open()).toMatchObject([{ title: 'Probing, renamed', signalCount: 2 }])
      expect(kinds(incidents.tick(START + 2 * HOUR_US))).toEqual(['updated'])
      expect(kinds(incidents.tick(START + 6 * HOUR_US))).toEqual(['closed'])
    })

    test('an incident whose policy is gone closes by the life times it had', () => {
      const { book: incidents } = book({ rules: [rule()] })
      incidents.push(signal(START))
      incidents.setRules([])
      expect(incidents.push(signal(START + 1))).toEqual([])
      expect(incidents.open()).toMatchObject([{ signalCount: 1 }])
      expect(incidents.tick(START + 2 * HOUR_US)).toMatchObject([
        { kind: 'closed', incident: { closedAt: START + HOUR_US } },
      ])
    })
  })

  describe('what the sensor says of itself', () => {
    const blind = (time: number, given: Partial<Signal> = {}): Signal =>
      signal(time, {
        detector: 'capture.blind',
        transactionId: null,
        subject: { kind: 'device', value: 'source:pcap:eth1' },
        evidence: {},
        ...given,
      })

    test('has no evidence and no false doubt, and is closed by the word that it is over, not by silence', () => {
      const { book: incidents } = book()
      incidents.blind = true
      expect(kinds(incidents.push(blind(START)))).toEqual(['opened'])
      expect(incidents.open()).toMatchObject([
        { subject: { kind: 'device', value: 'source:pcap:eth1' }, evidence: [], transactionCount: 0, doubts: [] },
      ])
      const over = blind(START + MINUTE_US, { severity: 'info', over: true })
      expect(incidents.push({ ...over, subject: { kind: 'device', value: 'source:pcap:eth2' } })).toEqual([])
      expect(incidents.push(over)).toMatchObject([{ kind: 'closed', incident: { closedAt: START + MINUTE_US } }])
      expect(incidents.push(over)).toEqual([])
      // It comes back within the hour: the same incident.
      expect(kinds(incidents.push(blind(START + 2 * MINUTE_US)))).toEqual(['opened'])
    })

    test('an incident says what the records it was seen in leave out, once', () => {
      const { book: incidents } = book()
      const limits = 'topic logs does not say everything: callers are told apart by address only'
      incidents.push(signal(START, { limits }))
      incidents.push(signal(START + SECOND_US))
      const [incident] = incidents.open()
      expect(incident!.why).toMatch(/ \(Seen in records only: topic logs .* by address only\.\)$/)
      const { book: next } = book()
      next.restore(incidents.held())
      next.push(signal(START + 2 * SECOND_US, { limits, severity: 'low' }))
      expect(next.open()[0]!.why).toBe(incident!.why)
    })

    test('is said by every incident that a blind sensor saw, and stays so', () => {
      const { book: incidents } = book()
      incidents.push(signal(START))
      expect(incidents.open()[0]!.doubts).toEqual([])
      incidents.blind = true
      incidents.push(signal(START + SECOND_US))
      incidents.blind = false
      incidents.push(signal(START + 2 * SECOND_US))
      const [incident] = incidents.open()
      expect(incident!.doubts).toEqual(['blind'])
      expect(incident!.why).toMatch(/\(Seen while the sensor missed part of the traffic: numbers are lower bounds\.\)$/)
      const { book: next } = book()
      next.restore(incidents.held())
      const [restored] = next.open()
      expect(restored!.doubts).toEqual(['blind'])
      expect(restored!.why).toBe(incident!.why)
    })
  })
})
