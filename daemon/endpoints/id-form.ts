/** Of an id that is letters and digits in both cases, maybe behind a prefix: ids of one kind have one form. Empty for others. */
export function formOf(segment: string): string {
  const prefix = MADE.exec(segment)?.[1]
  if (prefix === undefined) return ''
  let upper = 0
  for (let i = prefix.length; i < segment.length; i++) {
    const code = segment.charCodeAt(i)
    if (code >= 0x41 && code <= 0x5a) upper++
  }
  const rest = segment.length - prefix.length
  return 4 * upper >= rest && 4 * upper <= 3 * rest ? `${prefix.length} ${segment.length}` : ''
}

const MADE = /^([a-z]{2,5}[-_]|)[A-Za-z0-9]{10,64}$/
