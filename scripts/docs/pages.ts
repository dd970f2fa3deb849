import type { z } from 'zod'
import { ERROR_CODES } from '../../daemon/telemetry/errors.ts'
import { leaves, type SchemaNode, toJsonSchema } from '../../daemon/yaml/key-tree.ts'

/** Pages of docs/ that are made from the code. pages.test.ts keeps them equal; `npx vitest run scripts/docs -u` writes them. */

const WRITTEN_BY = '<!-- Made from the code: npx vitest run scripts/docs -u -->'

export function errorsPage(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { exit, meaning }]) => `| \`${code}\` | ${exit} | ${meaning} |`)
  return `# Errors
${WRITTEN_BY}

What an operator can fix has a code. Every message says what is wrong, where, and what to do about it; a code keeps its
meaning for good, and one that is retired is never used again. \`OFFPATH_DEBUG=1\` adds the stack trace.

| code | exit | meaning |
| --- | --- | --- |
${rows.join('\n')}

## Exit codes

| exit | meaning |
| --- | --- |
| 0 | ok, also when incidents were found |
| 1 | failed |
| 2 | the command line is wrong |
| 3 | findings present, where asked for (\`replay --fail-on\`) |
| 69 | the daemon does not answer |
| 78 | the configuration is wrong |
`
}

export function configurationPage(schema: z.ZodType): string {
  const tree = toJsonSchema(schema)
  const sections = Object.entries(tree.properties ?? {}).map(([name, node]) => section(name, node))
  return `# Configuration
${WRITTEN_BY}

\`offpath.yaml\` is YAML 1.2. Every key has a default, so \`offpath run --pcap eth0\` works without a file. Unknown keys are
refused with their line and the key that was probably meant. Nothing in the file is expanded: no variables, no shell;
commands are lists of arguments.

- \`offpath init\` writes a short file, \`offpath config check\` checks one and \`offpath config show\` prints what is in force
  and where each value comes from (default, file, flag).
- \`run\`, \`doctor\` and \`config\` read \`offpath.yaml\` in the current folder when no \`--config\` is given. \`replay\` reads none
  unless told to, so that the same command gives the same output anywhere.
- [offpath.schema.json](offpath.schema.json) is the JSON Schema, for editors: put
  \`# yaml-language-server: $schema=…/offpath.schema.json\` on the first line.

Defaults are those of the shipped program; there are no others.

${sections.join('\n')}
## Environment

| variable | meaning |
| --- | --- |
| \`OFFPATH_PRIVACY_KEY\` | the key of the pseudonyms, 32 bytes or more in hex or base64, when \`privacy.key_file\` names none |
| \`OFFPATH_DEBUG\` | \`1\`: debug logs, and stack traces with errors |
| \`NO_COLOR\` | any value: no colours |
`
}

function section(name: string, node: SchemaNode): string {
  const intro = `## ${name}\n\n${node.description ?? ''}\n`
  const variants = node.items?.oneOf
  if (variants !== undefined) {
    return (
      intro +
      variants
        .map(
          (variant) =>
            `\n### kind: ${String(variant.properties?.kind?.const)}\n\n${variant.description ?? ''}\n\n${table(variant)}`,
        )
        .join('')
    )
  }
  const children = Object.entries(node.properties ?? {})
  if (children.length > 0 && children.every(([, child]) => child.properties !== undefined)) {
    return (
      intro + children.map(([key, child]) => `\n### ${key}\n\n${child.description ?? ''}\n\n${table(child)}`).join('')
    )
  }
  return `${intro}\n${table(node)}`
}

/** The keys of a node, one a row. */
export function table(node: SchemaNode): string {
  const rows = leaves(node)
    .filter(({ path }) => path !== 'kind')
    .map(({ path, node: leaf, required }) => {
      const fallback = required ? '(required)' : leaf.default === undefined ? '' : `\`${JSON.stringify(leaf.default)}\``
      return `| \`${path}\` | ${typeOf(leaf)} | ${fallback} | ${leaf.description ?? ''} |`
    })
  return `| key | value | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
}

function typeOf(node: SchemaNode): string {
  if (node.anyOf !== undefined) return node.anyOf.map(typeOf).join(' or ')
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(', ')
  const range = rangeOf(node)
  switch (node.type) {
    case 'integer':
      return `whole number${range}`
    case 'number':
      return `number${range}`
    case 'string':
      return 'text'
    case 'boolean':
      return 'true or false'
    case 'array':
      return `list of ${node.items === undefined ? 'values' : typeOf(node.items)}`
    default:
      return node.type ?? 'value'
  }
}

/** `, 1 to 16`, or what there is of it. Integers without a bound get the largest exact ones from zod. */
function rangeOf(node: SchemaNode): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = node
  const least = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined
  const most = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined
  if (least !== undefined && most !== undefined) return `, ${least} to ${most}`
  const bounds = [
    least === undefined ? '' : `, at least ${least}`,
    most === undefined ? '' : `, at most ${most}`,
    exclusiveMinimum === undefined ? '' : `, above ${exclusiveMinimum}`,
    exclusiveMaximum === undefined ? '' : `, below ${exclusiveMaximum}`,
  ]
  return bounds.join('')
}
