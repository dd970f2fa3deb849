import type { Severity, Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { countText, signalOf } from '../../finding.ts'
import type { CallerUse } from './caller-use.ts'
import type { Operation } from './operation.ts'

/** log10 of how much likelier a refused attempt at an operation of others is of an honest caller than of one who tries doors. */
const REFUSED = -1.3
/** One operation that does not look privileged may be new to a role. */
const ONE_ORDINARY = -4
/** Further operations make it no less likely. */
const MOST = 8
const MAX_NAME = 40

/** log10 of the chance that an honest caller tried all this: the least likely counts whole, further ones by their own half. */
export function chanceOf(use: CallerUse): number {
  const granted = use.tried.filter((each) => each.granted).sort((a, b) => a.log10P - b.log10P)
  const refused = Math.min(MOST, use.tried.length - granted.length)
  let log10P = refused * REFUSED
  for (let i = 0; i < Math.min(MOST, granted.length); i++) log10P += granted[i]!.log10P * (i === 0 ? 1 : 0.5)
  const isOrdinary = use.tried.length === 1 && !use.tried[0]!.isAdminLike
  return isOrdinary ? Math.max(log10P, ONE_ORDINARY) : log10P
}

/** `callers`: of this role. */
export function privilegeSignal(
  tx: Transaction,
  use: CallerUse,
  operation: Operation,
  callers: number,
  log10P: number,
  now: EventTime,
): Signal {
  const granted = use.tried.filter((each) => each.granted).length
  const refused = use.tried.length - granted
  const own = Math.round(operation.callersOf(use.role))
  const role = roleText(use.role)
  const parts = [
    ...(granted > 0 ? [`${countText(granted, 'operation')} of another role granted`] : []),
    ...(refused > 0 ? [`${countText(refused, 'operation')} of another role refused`] : []),
  ]
  const usual = `${countText(operation.callers - own, 'caller')} of ${operation.roles.slice(0, 3).map(roleText).join(', ')} use it, ${own === 0 ? 'none' : own} of ${countText(callers, 'caller')} of ${role} did`
  return signalOf('function.privilege', tx, now, {
    log10P,
    maturity: Math.min(1, callers / MATURE),
    severity: severityOf(use, operation, granted),
    why: `${parts.join(', ')} to a caller of ${role}, the last ${tx.endpoint}: ${usual}`,
    expected: own === 0 ? `never by ${role}` : `by ${own} of ${countText(callers, 'caller')} of ${role}`,
    observed: `${tx.endpoint} answered ${tx.status}`,
    evidence: {
      role: use.role,
      operations_granted: granted,
      operations_refused: refused,
      callers_of_role: Math.round(callers),
      of_them_use_it: own,
      callers_of_other_roles: Math.round(operation.callers - own),
      administrative: operation.isAdminLike,
    },
    subject: { kind: tx.principal.kind, value: tx.principal.id },
    outcome: {
      answered: granted,
      refused,
      objectsExposed: 0,
      accounts: [],
      pSuccess: granted > 0 ? 0.9 : 0.02,
    },
    evidenceBefore: use.trail.take(),
  })
}

/** Callers of a role from which a single call is enough. */
const MATURE = 316

function severityOf(use: CallerUse, operation: Operation, granted: number): Severity {
  if (granted === 0) return 'low'
  return operation.isPrivileged || use.tried.some((each) => each.granted && each.isAdminLike) ? 'high' : 'medium'
}

function roleText(role: string): string {
  return `role ${role.slice(0, MAX_NAME)}`
}
