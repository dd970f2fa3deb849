import { expect, test } from 'vitest'
import { bindingRemedy, linkTypeOf, loadBinding, rebuildRemedy } from './capture-binding.ts'
import { counterDelta, parseReport } from './capture-report.ts'

const hasBinding = (() => {
  try {
    import.meta.resolve('pcap/build/Release/pcap_binding.node')
    return true
  } catch {
    console.warn('skipped: npm pcap: the package is not built')
    return false
  }
})()

test.skipIf(!hasBinding)('after loading, no session can send, whoever asks for the binding again', () => {
  for (const binding of [loadBinding(), loadBinding()]) {
    const session = new binding.PcapSession()
    expect('inject' in session).toBe(false)
    expect('close' in session).toBe(false)
    expect('open_live' in session).toBe(true)
  }
})

test('npm is told to allow the install script where no package.json says so', () => {
  const checkout = '/srv/offpath/dist'
  expect(bindingRemedy(checkout)).toMatch(/ && npm ci$/)
  expect(rebuildRemedy(checkout)).toBe('npm rebuild pcap')
  const installed = '/usr/local/lib/node_modules/offpath/dist'
  expect(bindingRemedy(installed)).toMatch(/npm install -g offpath --allow-scripts=pcap$/)
  expect(rebuildRemedy(installed)).toBe('npm rebuild -g pcap --allow-scripts=pcap')
})

test('the text of a link type becomes its number', () => {
  expect(linkTypeOf('LINKTYPE_ETHERNET', 'eth0')).toBe(1)
  expect(linkTypeOf('LINKTYPE_RAW', 'tun0')).toBe(101)
  expect(linkTypeOf('Unknown linktype 276', 'any')).toBe(276)
})

test.each(['Unknown linktype 147', 'LINKTYPE_IEEE802_11_RADIO', 'nonsense'])('%s is refused by name', (text) => {
  expect(() => linkTypeOf(text, 'wlan0')).toThrow(
    expect.objectContaining({ code: 'OFFPATH_E_LINK_TYPE', at: 'wlan0', remedy: expect.any(String) }),
  )
})

test('a counter that wraps at 32 bits, handed out signed, still grows by what was added', () => {
  expect(counterDelta(7, 5)).toBe(2)
  expect(counterDelta(3, -4)).toBe(7)
  expect(counterDelta(-2_147_483_648, 2_147_483_647)).toBe(1)
})

test('a line is a report only when it is one', () => {
  expect(parseReport('{"kind":"ready","linkType":1}')).toEqual({ kind: 'ready', linkType: 1 })
  expect(parseReport('{"kind":"ready",')).toBeNull()
  expect(parseReport('(node:1) Warning: {"kind":"ready"}')).toBeNull()
})
