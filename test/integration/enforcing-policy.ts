/** A policy of the operator's own in the place of the shipped one: acts for real, for as long as `ttl` says. */
export function enforcingPolicy(ttl: string): string {
  return `apiVersion: offpath.dev/v1
kind: Policy
metadata: {id: auth-bruteforce, title: Password guessing, owner: tests}
when: {detectors: [auth.bruteforce]}
budget: {keysPerWeek: 100000}
group: {by: [service, subject]}
mode: enforce
respond:
  - {id: ban, action: webhook, target: ip, ttl: ${ttl}, guard: {minSeverity: low}}
`
}
