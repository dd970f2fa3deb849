import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NODE_PORT } from './origin.ts'

export const APACHE_PORT = 8081
export const HAPROXY_PORT = 8082
export const HELLO_CHANGED = new Date('2026-01-02T03:04:05Z')

/** Apache httpd: files, compression on the fly, and a proxy in front of the Node server. Returns its command. */
export function apacheCommand(folder: string): string[] {
  const site = join(folder, 'apache')
  // Its workers run as www-data.
  chmodSync(folder, 0o755)
  mkdirSync(join(site, 'files'), { recursive: true })
  writeFileSync(join(site, 'files', 'hello.txt'), 'hello from httpd\n')
  utimesSync(join(site, 'files', 'hello.txt'), HELLO_CHANGED, HELLO_CHANGED)
  writeFileSync(join(site, 'files', 'long.txt'), 'compress me '.repeat(500))
  const modules = ['mpm_event', 'authz_core', 'mime', 'dir', 'deflate', 'filter', 'proxy', 'proxy_http']
  const config = join(site, 'httpd.conf')
  writeFileSync(
    config,
    `
ServerRoot ${site}
ServerName api.shop.test
PidFile ${site}/httpd.pid
ErrorLog ${site}/error.log
Mutex file:${site} default
Listen ${APACHE_PORT}
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
TypesConfig /etc/mime.types
User www-data
Group www-data
DocumentRoot ${site}/files
<Directory ${site}/files>
  AllowOverride None
  Require all granted
</Directory>
<Location /long.txt>
  SetOutputFilter DEFLATE
</Location>
LimitRequestFieldSize 2000
KeepAliveTimeout 60
ProxyPass /up/ http://127.0.0.1:${NODE_PORT}/
`,
  )
  return ['apache2', '-d', site, '-f', config, '-DFOREGROUND']
}

/** HAProxy in front of the Node server, with answers of its own. Returns its command. */
export function haproxyCommand(folder: string): string[] {
  const config = join(folder, 'haproxy.cfg')
  writeFileSync(
    config,
    `
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  timeout http-request 400ms
  timeout http-keep-alive 30s
frontend in
  bind :${HAPROXY_PORT}
  http-request deny deny_status 403 if { path_beg /denied }
  http-request redirect location https://www.shop.test/new code 302 if { path /moved }
  http-request return status 200 content-type text/plain string "by haproxy" if { path /own }
  http-request early-hint Link "</style.css>; rel=preload" if { path /bytes/77 }
  use_backend nowhere if { path_beg /nowhere }
  default_backend node
backend node
  server node 127.0.0.1:${NODE_PORT}
backend nowhere
  server gone 127.0.0.1:9
`,
  )
  return ['haproxy', '-f', config, '-db']
}
