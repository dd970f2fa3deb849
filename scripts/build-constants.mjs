/**
 * Makes `const` again what esbuild made `var` at the top level of a bundle (it does so for all `const` and `class`, against a
 * slowness of another engine). To V8 a `var` of a module may change at any time, so optimised code loads and checks each
 * constant, class and table at every use; a `const` it builds in. Extraction takes a twelfth less for it.
 *
 * Works on esbuild's output before white space goes: one declaration a line, and each module below a comment with its path.
 * Only modules of our own are touched, in which a top-level `var` was a `const`, a `class`, or a `let`; what looks as if it
 * were assigned to anywhere, or declares several at once, stays.
 */
export function constantsOf(code) {
  const lines = code.split('\n')
  let own = false
  for (const [index, line] of lines.entries()) {
    const path = /^\/\/ (\S+\.\w+)$/.exec(line)?.[1]
    if (path !== undefined) own = !path.includes('node_modules')
    const name = own ? /^var ([\w$]+) = (?!.*, [\w$]+ = )/.exec(line)?.[1] : undefined
    if (name !== undefined && assignments(code, name) === 1) lines[index] = `const${line.slice('var'.length)}`
  }
  return lines.join('\n')
}

/** How often the name is assigned to, or seems to be; its declaration counts. */
function assignments(code, name) {
  const escaped = name.replaceAll('$', '\\$')
  const after = '=(?![=>])|[-+*/%&|^]=|<<=|>>=|>>>=|\\*\\*=|&&=|\\|\\|=|\\?\\?=|\\+\\+|--'
  const assigned = new RegExp(`(?:^|[^\\w$.])${escaped}\\s*(?:${after})|(?:\\+\\+|--)${escaped}\\b`, 'g')
  return code.match(assigned)?.length ?? 0
}
