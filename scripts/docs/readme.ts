import type { DetectorDeclaration } from '../../analyzers/detector.ts'

/**
 * The README with its made parts made anew: what stands between `<!-- made: NAME -->` and `<!-- end -->`.
 * readme.test.ts keeps them equal; `npx vitest run scripts/docs -u` writes them.
 */
export function withMadeParts(readme: string, parts: Readonly<Record<string, string>>): string {
  return readme.replace(
    /(<!-- made: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, start: string, name: string, end: string) => {
      const part = parts[name]
      if (part === undefined) throw new Error(`README.md asks for a part that nobody makes: ${name}`)
      return `${start}${part}\n${end}`
    },
  )
}

/** What a command prints, as a reader sees it. */
export function session(command: string, output: string): string {
  return `\`\`\`\n$ ${command}\n${output.trimEnd()}\n\`\`\``
}

export function detectorTable(detectors: readonly DetectorDeclaration[]): string {
  const rows = detectors.map(
    ({ id, title, owasp, attack }) =>
      `| [${id}](docs/detectors/${id}.md) | ${title} | ${owasp.join(', ')} | ${attack.join(', ')} |`,
  )
  return `| id | what | OWASP API | ATT&CK |\n| --- | --- | --- | --- |\n${rows.join('\n')}`
}
