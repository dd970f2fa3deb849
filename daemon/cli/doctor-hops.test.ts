import { expect, test } from 'vitest'
import type { Trust } from '../identity/forwarded.ts'
import { hopsFinding } from './doctor-hops.ts'
import { loadSettings } from './settings.ts'

const identity = (flags: Readonly<Record<string, unknown>> = {}) =>
  loadSettings(undefined, { identity: flags }).config.identity
const hop = (address: string, trust: Trust, requests: number) => ({ address, trust, requests })

test('what is in force, also before anything was seen', () => {
  const { level, found } = hopsFinding(identity(), null)
  expect(level).toBe('ok')
  expect(found).toMatch(/^defaults: loopback, private and link-local peers; .*forwarded\.default/)
  expect(hopsFinding(identity({ trusted_hops: ['10.0.0.0/8'], cdn: 'fastly' }), null).found).toBe(
    '10.0.0.0/8; fastly-client-ip of fastly where the list ends at one of them',
  )
})

test('hops that are believed by default are named, with what naming them in the configuration would change', () => {
  const { level, found } = hopsFinding(identity(), [hop('10.0.0.7', 'default', 30), hop('10.0.0.8', 'default', 90)])
  expect(level).toBe('ok')
  expect(found).toContain('seen: 10.0.0.8 (90 requests), 10.0.0.7 (30 requests)')
  expect(found).toContain('identity.trusted_hops: [10.0.0.8, 10.0.0.7] would let actions')
})

test('a peer that speaks for others and is not believed is a warning, unless it only tried', () => {
  const configured = identity({ trusted_hops: ['10.0.0.0/8'] })
  const known = hop('10.0.0.7', 'configured', 500)
  expect(hopsFinding(configured, [known, hop('203.0.113.9', 'none', 3)])).toMatchObject({ level: 'ok' })
  const found = hopsFinding(configured, [known, hop('198.51.100.4', 'none', 40)])
  expect(found).toMatchObject({
    level: 'warn',
    remedy: expect.stringContaining('trusted_hops: [10.0.0.0/8, 198.51.100.4]'),
  })
  expect(found.found).toContain('not believed, so each is taken for one caller: 198.51.100.4 (40 requests)')
})

test('an edge behind hops that are believed by default is named together with them, since a list ends the defaults', () => {
  const seen = [hop('10.0.0.7', 'default', 900), hop('192.0.2.19', 'none', 300), hop('203.0.113.9', 'none', 25)]
  const { level, found, remedy } = hopsFinding(identity(), seen)
  expect(level).toBe('warn')
  expect(found).toContain('not believed, so each is taken for one caller: 192.0.2.19 (300 requests);')
  expect(remedy).toBe('if they are proxies of yours, name them: identity.trusted_hops: [10.0.0.7, 192.0.2.19]')
})
