import { SIGNAL_FIELDS } from '../../daemon/policies/cel.ts'
import { POLICY_FILE } from '../../daemon/policies/policy-file.ts'
import { toJsonSchema } from '../../daemon/yaml/key-tree.ts'
import { table } from './pages.ts'

/** docs/policies.md and docs/policy.schema.json; policies-page.test.ts keeps them equal. */

export const EXAMPLE = `apiVersion: offpath.dev/v1
kind: Policy
metadata:
  id: login-guessing
  title: Password guessing at the shop
  owner: identity-team
when:
  detectors: [auth.bruteforce]
  condition: 'signal.service == "api.shop.test" && signal.outcome.refused >= 5'
  unless: 'rx(signal.principal.display, "^synthetic-")'
budget:
  keysPerWeek: 50000
  falseIncidentsPerWeek: 0.5
group:
  by: [service, subject]
  also: [service, source]
  reopenWithin: 24h
severity:
  cases:
    - {when: signal.outcome.p_success > 0.9, is: critical}
    - {when: signal.evidence.distinct_guesses > 100, is: high}
  otherwise: signal
mode: stage
overrides: {staging: enforce}
respond:
  - id: ban-source
    action: edge
    target: ip
    risk: low
    ttl: 15m
    repeat: {factor: 4, max: 24h, jitter: 0.1}
    guard:
      minSeverity: medium
      maxActive: 20
      maxCollateralPrincipals: 3
      never: ['cidr:10.0.0.0/8']
  - id: reset-account
    action: webhook
    target: principal
    risk: high
    ttl: 1h
    revert: none
    approval: {expires: 30m}
close: {autoAfter: 6h}
tests:
  - replay: tests/guessing.jsonl
    expect: {incidents: 1, severity: critical, openedWithin: 15s, actions: [ban-source, reset-account]}
  - replay: tests/forgotten-passwords.jsonl
    expect: {incidents: 0}
`

export function policySchemaText(): string {
  return `${JSON.stringify(toJsonSchema(POLICY_FILE), null, 2)}\n`
}

export function policiesPage(): string {
  const { properties = {} } = toJsonSchema(POLICY_FILE)
  const { respond, tests, severity, ...others } = properties
  const severityCases = severity?.anyOf?.find((form) => form.properties !== undefined)?.properties?.cases?.items
  const fields = SIGNAL_FIELDS.map(([path, type, meaning]) => `| \`${path}\` | ${type} | ${meaning} |`)
  return `# Policies
<!-- Made from the code: npx vitest run scripts/docs -u -->

A policy says how the signals of detectors become incidents, and what is done about them. It is one YAML file. The shipped
policies cover every detector and only rehearse their actions; your own stand in the folder that \`policies.folder\` of
offpath.yaml names (\`*.yaml\`). A file of yours with the id of a shipped policy replaces it; two of yours with one id are
refused. Several policies may be about one detector, and each opens its own incidents.

\`\`\`sh
offpath policy list     # what is in force, and where it comes from
offpath policy test     # run the tests that policies carry
\`\`\`

Files are strict: an unknown key, a detector that does not exist or a condition that does not fit is refused with its line,
and a daemon does not start on a policy that is wrong. [policy.schema.json](policy.schema.json) is the JSON Schema, for
editors.

## Example

\`\`\`yaml
${EXAMPLE}\`\`\`

## Keys

Times are a number and a unit: \`90s\`, \`15m\`, \`6h\`, \`7d\`.

${table({ properties: others, required: ['apiVersion', 'kind', 'metadata', 'when', 'group'] })}
### severity

\`low\`, \`medium\`, \`high\` or \`critical\`; or \`cases\`, a list of these, and \`otherwise\` (default \`signal\`, what the detector
says). An incident has the gravest severity of its signals.

${table(severityCases ?? {})}
### respond

A list. What guards a step holds back, and how an action lives, is decided when the incident opens or grows.

${table(respond?.items ?? {})}
### tests

A list.

${table(tests?.items ?? {})}
## Grouping

\`by\` names an incident: signals that agree in all its parts are one. With \`also\`, a signal joins an incident that agrees in
either; so guessing at fifty accounts from one address is one incident, and guessing at one account from fifty addresses is one.

| part | of a signal |
| --- | --- |
| \`service\` | host of the API |
| \`endpoint\` | method and template |
| \`subject\` | what it is about: the account that is guessed at, otherwise the caller |
| \`source\` | where it came from, when the detector names one; without one, \`by\` takes the subject and \`also\` does not apply |
| \`principal\` | who made the request |
| \`detector\` | the detector, for policies about several |

## Conditions

\`condition\`, \`unless\` and the cases of \`severity\` are expressions in [CEL](https://cel.dev) over one variable, \`signal\`. They
are checked when the file is loaded: names, types, and that they give true or false.

| name | type | meaning |
| --- | --- | --- |
${fields.join('\n')}

- \`rx(text, "pattern")\` tells whether a pattern (RE2 syntax) is found in a text. The pattern is written out, at most 512
  characters. \`matches()\` is not there: its time could be chosen by whoever sends the text.
- \`has(signal.evidence.x)\` asks whether there is a figure. What a detector puts into \`evidence\` is in the signals that
  \`offpath replay --emit signals\` prints.
- An expression that fails on a signal, for example for a figure that is not there, counts as not fulfilled: the signal is
  passed over by \`condition\`, and not held back by \`unless\`. The first failure of each is logged, all are counted as
  \`policies.condition_failed\`.
- Bounds: 4096 characters, 1000 nodes, loops two deep, texts of a signal cut at 4096 characters and lists at 100 entries.
  One evaluation takes one to two microseconds; the most that was measured with hostile texts is 6 ms.

## Modes

| mode | incidents are told | actions |
| --- | --- | --- |
| \`observe\` | no: only stored | none |
| \`simulate\` | yes | rehearsed: everything but the dispatch, marked as simulated |
| \`stage\` | yes | each waits for a person |
| \`enforce\` | yes | low risk runs by itself, high risk waits for a person |

The mode in force is \`policies.modes\` of the configuration, else the \`overrides\` of the policy for
\`policies.environment\`, else its \`mode\`. Evidence that was not seen whole, and an address known only through a hop that is
trusted by default, never enforce anything.

## Alarm budget

\`budget.falseIncidentsPerWeek\` is a promise that people's verdicts keep ([incidents](incidents.md)). A policy that enforces, and of
whose incidents of one week more were found to be \`false\` than that, only stages from then on: every action waits for a
person. The week is that of the incidents' opening and ends with the newest false one; \`benign\` ones do not count. With the default of one a week the
second false incident costs a policy its mode.

- It says so in the log, in \`offpath status\`, \`offpath policy list\` and \`offpath_policy_demoted\`, and stays so over restarts.
- \`offpath policy reinstate ID --reason "…"\` gives its mode back. A policy whose file or mode was changed has it back too. In both cases what was
  said before counts no more. Verdicts that are taken back do not count either.
- \`onExceed: keep\` leaves a policy its mode.
- What people said is also an estimate of its precision: the mean of a Beta posterior, (1 + attacks) / (2 + attacks + false ones), in
  \`policy list\`, after each verdict, and as counts in \`offpath_policy_verdicts\`.

## Loading anew

The daemon loads its policies anew on SIGHUP, when the folder changes, and by the API. A set that is wrong changes nothing: the
old one stays in force and \`offpath status\` says what is wrong. Open incidents go on under the new rule of their policy;
where that groups by something else, further signals open a new incident. An incident whose policy is gone closes by the life
times it had.

## Tests

A test replays recorded traffic through all detectors with this policy alone and compares what it opens. Recordings are
captures or native transactions (\`.jsonl\`), relative to the policy file. \`openedWithin\` counts from the first evidence of an
incident. \`actions\` are the steps whose \`minSeverity\` the gravest incident reaches; guards that look at live traffic are not
asked. Every shipped policy has an attack and a benign twin.

\`\`\`
$ offpath policy test
${TEST_OUTPUT}\`\`\`
`
}

const TEST_OUTPUT = `    policy              replay                           incidents  severity  actions         not as expected
ok  auth-bruteforce     tests/guessing.jsonl                     1  critical  ban-source
ok  auth-bruteforce     tests/forgotten-passwords.jsonl          0  -         -
ok  capture-blind       tests/lossy-mirror.pcap.gz               1  medium    -
ok  capture-blind       tests/lossy-path.pcap.gz                 0  -         -
ok  capture-silent      tests/feed-stops.pcap.gz                 1  medium    -
ok  capture-silent      tests/quiet-night.pcap.gz                0  -         -
ok  object-enumeration  tests/order-walk.jsonl                   1  high      suspend-caller
ok  object-enumeration  tests/own-orders.jsonl                   0  -         -
ok  scan-probing        tests/word-list.jsonl                    1  low       ban-source
ok  scan-probing        tests/dead-links.jsonl                   0  -         -

10 tests, 0 failed
`
