/** Answers that look as if they gave something away: pages about errors, log viewers, code, documentation. In pairs, as in answers.ts. */
export const ANSWERS_BENIGN: readonly (readonly [kind: string, text: string])[] = [
  [
    'about errors',
    '<h1>Handling exceptions</h1><p>When a NullPointerException is thrown, the stack trace shows where. Read it from the top.</p>',
  ],
  [
    'about errors',
    '<p>A Python traceback lists the calls, most recent last. Each line names a file and a line number.</p>',
  ],
  [
    'about errors',
    '<p>The error ORA-number tells what went wrong. See the list of Oracle errors for the meaning of each.</p>',
  ],
  ['about errors', '<p>MySQL answers with a syntax error when a keyword is misspelt; PostgreSQL names the place.</p>'],
  ['about errors', '{"title":"Goroutines","body":"A panic stops the goroutine unless it is recovered."}'],
  ['about errors', '{"title":"SQLite","body":"SQLite answers with an error code, and sqlite3_errmsg gives the text."}'],
  ['field named stack', '{"stack":["react","node","postgresql"],"level":"senior"}'],
  ['field named stack', '{"product":"Washer","stack":true,"trace":"none","exception":"no refunds on Sundays"}'],
  ['field named stack', '{"tech":{"stack":"PHP, MySQL","fatal":false},"jobs":[{"title":"Java developer"}]}'],
  ['field named stack', '{"error":null,"exception":{"policy":"holiday","from":"2026-12-24"},"stackable":1}'],
  ['refused', '{"error":"not_found","message":"There is no order 17."}'],
  ['refused', '{"type":"about:blank","title":"Bad Request","status":400,"detail":"id: expected a number"}'],
  [
    'refused',
    '<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center><hr><center>nginx</center></body></html>',
  ],
  [
    'refused',
    '<!DOCTYPE html><html><head><title>Error</title></head><body><pre>Cannot GET /wp-login.php</pre></body></html>',
  ],
  [
    'refused',
    '{"errors":[{"message":"Cannot query field \\"nme\\" on type \\"User\\". Did you mean \\"name\\"?","locations":[{"line":1,"column":9}]}]}',
  ],
  ['refused', '{"message":"Validation failed: Name can\'t be blank, Email is invalid","code":422}'],
  ['refused', '{"error":{"message":"duplicate entry: this name is taken","field":"name"}}'],
  ['refused', '{"detail":"CSRF Failed: CSRF token missing or incorrect."}'],
  [
    'script',
    'import{a as e}from"./chunk-7f3a.js";function t(r){try{return e(r)}catch(n){console.error(n.stack)}}export{t as default};\n//# sourceMappingURL=index.js.map',
  ],
  [
    'script',
    '!function(){"use strict";var e={at:function(t){return t}};window.app=e;throw new Error("no such module")}();',
  ],
  [
    'script',
    '{"version":3,"file":"app.js","sources":["src/index.ts","src/order.ts"],"names":["total","Exception"],"mappings":"AAAA"}',
  ],
  ['script', "self.addEventListener('fetch', e => e.respondWith(caches.match('/static/app.js?v=12:30:11')))"],
  ['style', '@font-face{font-family:Inter;src:url(/fonts/inter.woff2)}.index-of{color:#333}'],
  ['style', '.directory-listing{margin:0}.stack-trace{display:none}.parent-directory{float:left}'],
  ['books', '<h2>Index of authors</h2><ul><li>Adams, 12</li><li>Brown, 88</li></ul>'],
  ['books', '<title>Index of terms - The cook book</title><h1>Index of terms</h1>'],
  ['books', '<h1>Parents directory</h1><p>All classes of the school, with the parents who help out.</p>'],
  ['books', '<title>Directory of members</title><h1>Directory</h1><p>Listing for 2026</p>'],
  ['keys', '{"publicKey":"-----BEGIN PUBLIC KEY-----\\nMIIBIjANBgkqhkiG9w0BAQ\\n-----END PUBLIC KEY-----"}'],
  [
    'keys',
    '-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQ\n-----END CERTIFICATE-----\n',
  ],
  ['keys', '{"publishableKey":"pk_live_51HxYz","siteKey":"6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI"}'],
  [
    'keys',
    '<p>Keys of AWS begin with AKIA, tokens of GitHub with ghp_. Never commit them; use postgres://user@host/db without a password.</p>',
  ],
  ['text', 'User-agent: *\nDisallow: /admin/\nDisallow: /index.php\nSitemap: https://shop.test/sitemap.xml\n'],
  [
    'text',
    '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://shop.test/a.php</loc></url></urlset>',
  ],
  ['text', 'id,name,total\n17,Anna,4.20\n18,root:x,0.00\n'],
  [
    'text',
    '<feed xmlns="http://www.w3.org/2005/Atom"><title>Releases</title><entry><title>v1.2: fixes exception in cart.js:12</title></entry></feed>',
  ],
  ['people', '{"uid":"33","gid":"www","groups":["editors"],"root":"/home/anna"}'],
  ['people', '{"user":"root","uid":0,"shell":"/bin/bash","note":"total 48 hours"}'],
  ['people', '{"system":"Linux","version":"6.1","arch":"x86_64"}'],
  ['people', '{"agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","volume":"C","serial":"3A1F"}'],
  [
    'shows traces on purpose',
    '<div class="issue"><h2>#4211 crash on start</h2><pre><code>Traceback (most recent call last):\n  File &quot;app.py&quot;, line 3, in &lt;module&gt;\nKeyError</code></pre></div>',
  ],
  [
    'shows traces on purpose',
    '{"id":4211,"title":"crash on start","body":"```\\nTypeError: x is undefined\\n    at run (index.js:12:5)\\n```"}',
  ],
  [
    'shows traces on purpose',
    '<table class="logs"><tr><td>10:11:02</td><td>ERROR</td><td>java.lang.NullPointerException\n\tat com.acme.Cart.total(Cart.java:88)</td></tr></table>',
  ],
  [
    'shows traces on purpose',
    '{"logs":[{"level":"error","message":"panic: runtime error: index out of range","source":"worker-3"}]}',
  ],
  ['shows code on purpose', '<pre class="highlight"><code>&lt;?php\necho &quot;hello&quot;;\n</code></pre>'],
  ['shows code on purpose', '<p>Begin the script with <code>#!/bin/sh</code> and make it executable.</p>'],
  ['shows code on purpose', '{"path":"src/index.ts","content":"import fs from \'node:fs\'\\n","encoding":"utf-8"}'],
  [
    'shows code on purpose',
    '<p>The file /etc/passwd has lines such as <code>name:x:1000:1000:Name:/home/name:/bin/sh</code>.</p>',
  ],
]
