import { ssrf } from './checks/addresses.ts'
import { command } from './checks/command.ts'
import { crlf, mail } from './checks/header-lines.ts'
import { jndi } from './checks/jndi.ts'
import { leakListing, leakSecret, leakSource } from './checks/leak-content.ts'
import { leakSqlError, leakStack } from './checks/leak-errors.ts'
import { xss } from './checks/markup.ts'
import { fingerprint, graphql, ldap, nosqli, prototype, sessionFixation, xxe } from './checks/structures.ts'
import { code, deserialization, ssti } from './checks/templates.ts'
import { lfi, rfi, traversal } from './checks/traversal.ts'
import type { PayloadCheck } from './payload.ts'
import { sqli } from './sqli/sqli.ts'

/** Every check that ships. A new one is a file in checks/, its test, and a line here. */
export const PAYLOAD_CHECKS: readonly PayloadCheck[] = [
  sqli,
  nosqli,
  xss,
  command,
  code,
  traversal,
  lfi,
  rfi,
  ssti,
  xxe,
  jndi,
  ssrf,
  ldap,
  mail,
  crlf,
  deserialization,
  prototype,
  sessionFixation,
  graphql,
  fingerprint,
  leakStack,
  leakSqlError,
  leakSource,
  leakListing,
  leakSecret,
]
