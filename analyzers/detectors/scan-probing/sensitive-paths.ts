/**
 * Paths nobody asks for by accident. `weight` is the ln of the likelihood ratio one such request carries on top of an ordinary
 * miss; `secret` marks files whose content is the prize, so that a 2xx is a leak.
 */
export interface SensitivePath {
  readonly weight: number
  readonly secret: boolean
}

const SECRET: SensitivePath = { weight: 5, secret: true }
const TOOL: SensitivePath = { weight: 3.5, secret: false }

/** Last one or two segments, lower case. */
const BY_END: Readonly<Record<string, SensitivePath>> = {
  '.env': SECRET,
  '.env.local': SECRET,
  '.env.production': SECRET,
  '.env.backup': SECRET,
  '.git/config': SECRET,
  '.git/head': SECRET,
  '.svn/entries': SECRET,
  '.aws/credentials': SECRET,
  '.ssh/id_rsa': SECRET,
  '.npmrc': SECRET,
  '.htpasswd': SECRET,
  '.ds_store': TOOL,
  'actuator/heapdump': SECRET,
  'actuator/env': SECRET,
  'actuator/gateway': TOOL,
  heapdump: SECRET,
  'wp-config.php': SECRET,
  'wp-config.php.bak': SECRET,
  'config.php.bak': SECRET,
  'backup.sql': SECRET,
  'dump.sql': SECRET,
  'database.sql': SECRET,
  'backup.zip': SECRET,
  'backup.tar.gz': SECRET,
  id_rsa: SECRET,
  'server.key': SECRET,
  'credentials.json': SECRET,
  'etc/passwd': SECRET,
  'wp-login.php': TOOL,
  'xmlrpc.php': TOOL,
  'wp-admin': TOOL,
  'phpinfo.php': TOOL,
  phpmyadmin: TOOL,
  'adminer.php': TOOL,
  'shell.php': TOOL,
  'eval-stdin.php': TOOL,
  'server-status': TOOL,
  'manager/html': TOOL,
  'jmx-console': TOOL,
  'solr/admin': TOOL,
  'cgi-bin': TOOL,
  'boaform/admin': TOOL,
  hnap1: TOOL,
  'owa/auth': TOOL,
  'telescope/requests': TOOL,
}

/** What browsers, crawlers and phones ask of every host by themselves: no evidence of anything. */
const INNOCENT =
  /^\/(?:favicon\.ico|robots\.txt|sitemap[^/]{0,40}\.xml|ads\.txt|humans\.txt|apple-touch-icon[^/]{0,40}\.png|browserconfig\.xml|manifest\.json|site\.webmanifest|service-worker\.js|\.well-known\/.{0,200})$/i

export function isInnocent(path: string): boolean {
  return path.length <= 256 && INNOCENT.test(path)
}

/** Null for an ordinary path. Looks at the last two segments only, so a deeper copy (`/app/.env`) counts too. */
export function sensitivePath(path: string): SensitivePath | null {
  let end = path.length
  while (end > 0 && path[end - 1] === '/') end--
  const last = path.lastIndexOf('/', end - 1)
  if (last < 0 || end - last > 80) return null
  const name = path.slice(last + 1, end).toLowerCase()
  const before = last > 0 ? path.lastIndexOf('/', last - 1) : -1
  const pair = before >= 0 && last - before < 80 ? `${path.slice(before + 1, last).toLowerCase()}/${name}` : ''
  return own(pair) ?? own(name)
}

function own(key: string): SensitivePath | null {
  return Object.hasOwn(BY_END, key) ? BY_END[key]! : null
}
