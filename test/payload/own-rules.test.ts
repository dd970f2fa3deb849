import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { IDENTITY_DEFAULTS, Recorder } from '../../daemon/identity/recorder.ts'
import { loadRuleCompiler } from '../../daemon/payload/rules/compiler.ts'
import { NO_RULES, type PayloadRule, type RuleBox } from '../../daemon/payload/rules/rule.ts'
import { loadPolicies } from '../../daemon/policies/load.ts'
import { PolicyStore } from '../../daemon/policies/policy-store.ts'
import { replay } from '../../daemon/topology/replay.ts'
import { fakeExchange, fakeTelemetry } from '../fake-exchange.ts'
import { writePcap } from '../mutate/capture-file.ts'
import { exchange } from '../mutate/exchange.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-rules-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let rules: readonly PayloadRule[] = []
beforeAll(async () => {
  copyFileSync(join(import.meta.dirname, '../../examples/payload-rules/shop.yaml'), join(folder, 'shop.yaml'))
  rules = loadPolicies({ folder }).payloadRules
  await loadRuleCompiler(rules)
})

async function lines(emit: 'signals' | 'transactions', path: string, payloadRules: readonly PayloadRule[]) {
  const written: string[] = []
  await replay({
    files: [path],
    emit,
    bodies: 'text',
    speed: 'max',
    config: effectiveConfig(CONFIG_SCHEMA, null).config,
    key: TEST_KEY,
    payloadRules,
    write: (line) => {
      written.push(line)
    },
    warn: (message) => {
      throw new Error(message)
    },
    stop: new AbortController().signal,
  })
  return written
}

test('a rule of the operator finds in packets what no shipped rule does, and its marks travel with the lines', async () => {
  const request = Buffer.from('GET /v1/reports?report=monthly%21RUN%20cleanup HTTP/1.1\r\nHost: a.test\r\n\r\n')
  const response = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  const capture = join(folder, 'one.pcap')
  writeFileSync(capture, writePcap(exchange({ atMs: Date.UTC(2026, 10, 20, 9), number: 1, request, response })))
  expect(await lines('signals', capture, NO_RULES)).toEqual([])
  const signals = await lines('signals', capture, rules)
  expect(signals.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    {
      detector: 'injection.command',
      evidence: { rule: 'own.report_bang', field: 'query:report', layers: ['percent'] },
    },
  ])
  const native = join(folder, 'one.jsonl')
  writeFileSync(native, (await lines('transactions', capture, rules)).map((line) => `${line}\n`).join(''))
  expect(await lines('signals', native, NO_RULES)).toEqual(signals)
})

test('rules that are replaced while traffic runs count from the next message on', () => {
  const box: RuleBox = { rules: NO_RULES }
  const found: string[][] = []
  const recorder = new Recorder({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: true,
    payloads: true,
    payloadRules: box,
    telemetry: fakeTelemetry(),
    emit: (tx) => {
      found.push(tx.marks.map((mark) => (mark.kind === 'payload' ? mark.rule : '')))
    },
  })
  const ask = () => recorder.exchange(fakeExchange({ target: '/a?export=t_users', headers: [['Cookie', 'x=1']] }))
  ask()
  box.rules = rules
  ask()
  box.rules = NO_RULES
  ask()
  recorder.close()
  expect(found).toEqual([[], ['own.legacy_export'], []])
})

test('files of rules are loaded anew with the policies, and one that is wrong changes nothing', () => {
  const store = new PolicyStore({ folder }, 0)
  expect(store.current.payloadRules.map(({ id }) => id)).toEqual(['report_bang', 'legacy_export', 'debug_page'])
  const shipped = store.current.documents.length
  writeFileSync(
    join(folder, 'more.yaml'),
    'apiVersion: offpath.dev/v1\nkind: PayloadRules\nmetadata: { id: more }\nrules: []\n',
  )
  expect(() => store.reload(1)).toThrow(/more\.yaml:4:8 rules/)
  expect(store.current.payloadRules).toHaveLength(3)
  rmSync(join(folder, 'more.yaml'))
  expect(store.reload(2).documents).toHaveLength(shipped)
})
