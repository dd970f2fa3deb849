const MAX_NAME = 128

/**
 * Texts and attributes of XML, also of broken XML, named by their element: `/order/note`, `/order/@id`. Comments, processing instructions and the
 * document type are passed over: who looks for external entities gets the document. One pass; deeper elements than 32 have their ancestor's name.
 */
export function xmlFields(text: string, take: (pointer: string, key: string, value: string) => boolean): void {
  const path: string[] = []
  let depth = 0
  let at = 0
  while (at < text.length) {
    const open = text.indexOf('<', at)
    const content = text.slice(at, open < 0 ? text.length : open)
    if (NOT_BLANK.test(content) && !take(`/${path.join('/')}`, path.at(-1) ?? '', content)) return
    if (open < 0) return
    if (text.startsWith('<![CDATA[', open)) {
      const end = text.indexOf(']]>', open)
      if (!take(`/${path.join('/')}`, path.at(-1) ?? '', text.slice(open + 9, end < 0 ? text.length : end))) return
      at = end < 0 ? text.length : end + 3
      continue
    }
    const end = tagEnd(text, open)
    if (end < 0) return
    at = end + 1
    const tag = text.slice(open + 1, end)
    if (tag[0] === '?' || tag[0] === '!') continue
    if (tag[0] === '/') {
      if (depth-- <= 32) path.pop()
      continue
    }
    const name = (NAME.exec(tag)?.[0] ?? '').slice(0, MAX_NAME)
    if (depth++ < 32) path.push(name)
    for (const [, attribute, double, single] of tag.matchAll(ATTRIBUTE)) {
      if (!take(`/${path.join('/')}/@${attribute}`, attribute ?? '', double ?? single ?? '')) return
    }
    if (tag.endsWith('/') && depth-- <= 32) path.pop()
  }
}

const NOT_BLANK = /\S/

/** The bracket that ends a tag: those in quoted attributes do not (XML 1.0 §3.1); -1 if none does. */
function tagEnd(text: string, from: number): number {
  let quote = 0
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (quote !== 0) {
      if (code === quote) quote = 0
    } else if (code === 0x22 || code === 0x27) quote = code
    else if (code === 0x3e) return at
  }
  // A quote that nothing ends is none.
  return quote === 0 ? -1 : text.indexOf('>', from)
}

const NAME = /^[\w:.-]{1,128}/
const ATTRIBUTE = /\s([\w:.-]{1,128})\s?=\s?(?:"([^"]{0,8192})"|'([^']{0,8192})')/g
