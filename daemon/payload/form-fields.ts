const MAX_NAME = 256
const MAX_PARTS = 64

/** Names, decoded, and values of `a=1&b=2`, still encoded. `take` says whether to go on. */
export function formFields(text: string, take: (name: string, value: string) => boolean): void {
  let at = 0
  while (at <= text.length) {
    let end = text.indexOf('&', at)
    if (end < 0) end = text.length
    if (end > at) {
      const pair = text.slice(at, end)
      const equals = pair.indexOf('=')
      const name = equals < 0 ? '' : decoded(pair.slice(0, Math.min(equals, MAX_NAME)))
      if (!take(name, equals < 0 ? pair : pair.slice(equals + 1))) return
    }
    at = end + 1
  }
}

function decoded(name: string): string {
  if (!name.includes('%')) return name
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

const BOUNDARY = /boundary="?([^";,\s]{1,70})/i

/** Names, file names and texts of the parts of multipart/form-data (RFC 7578). `take` says whether to go on. */
export function multipartFields(
  contentType: string,
  text: string,
  take: (name: string, fileName: string | null, value: string) => boolean,
): void {
  const boundary = BOUNDARY.exec(contentType)?.[1]
  if (boundary === undefined) return
  const mark = `--${boundary}`
  let at = text.indexOf(mark)
  for (let count = 0; at >= 0 && count < MAX_PARTS; count++) {
    const start = at + mark.length
    const end = text.indexOf(mark, start)
    const part = text.slice(start, end < 0 ? text.length : end)
    const blank = part.indexOf('\r\n\r\n')
    if (blank >= 0) {
      const head = part.slice(0, Math.min(blank, 2048))
      const name = parameter(head, 'name="')
      const fileName = head.toLowerCase().includes('filename="') ? parameter(head, 'filename="') : null
      if (!take(name.slice(0, MAX_NAME), fileName, part.slice(blank + 4).replace(/\r\n$/, ''))) return
    }
    at = end
  }
}

/** The quoted value after `opening`, which must follow a blank or semicolon: `name="` is not the end of `filename="`. */
function parameter(head: string, opening: string): string {
  const lower = head.toLowerCase()
  let at = lower.indexOf(opening)
  while (at > 0 && lower[at - 1] !== ' ' && lower[at - 1] !== ';') at = lower.indexOf(opening, at + 1)
  if (at < 0) return ''
  const start = at + opening.length
  const end = head.indexOf('"', start)
  return head.slice(start, end < 0 ? head.length : end)
}
