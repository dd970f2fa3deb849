/** Segments of paths that say that what lies behind them is for those who run a service. */
const ADMIN: ReadonlySet<string> = new Set(
  (
    'admin administration administrator admins backoffice back-office console debug diagnostics impersonate internal maintenance ' +
    'manage management manager moderation moderator operations operator ops private root staff sudo superadmin superuser support ' +
    'sysadmin system'
  ).split(' '),
)

/** Whether a template has such a segment, or an operation of one (`POST /rpc#admin.reset`) such a word. */
export function isAdminLike(template: string): boolean {
  for (const segment of template.toLowerCase().split(/[/#.]/, 64)) if (ADMIN.has(segment)) return true
  return false
}
