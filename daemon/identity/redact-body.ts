import type { Pseudonyms } from './pseudonym.ts'
import { redactJson } from './redact-json.ts'
import { redactForm } from './redact-url.ts'
import { redactValue } from './redact-value.ts'
import { secrecyOf } from './secret-names.ts'
import { redactText } from './token-shape.ts'

/** What a body is read as: by its content type, else by its first characters. */
export type BodyKind = 'json' | 'form' | 'multipart' | 'text'

/** Whether a body of this type is read as JSON, whatever it holds. */
export function isJsonType(contentType: string | null): boolean {
  return contentType !== null && (contentType === 'application/json' || JSON_TYPE.test(contentType))
}

const JSON_TYPE = /json|graphql|javascript/i

export function bodyKind(contentType: string | null, text: string): BodyKind {
  if (isJsonType(contentType)) return 'json'
  const type = contentType === null ? '' : contentType.toLowerCase()
  if (type.startsWith('multipart/')) return 'multipart'
  if (type.includes('x-www-form-urlencoded')) return 'form'
  const first = /^[\s\uFEFF]{0,64}([^\s\uFEFF])/.exec(text)?.[1]
  if (first === '{' || first === '[' || first === '"') return 'json'
  if (first === '-' && /^--[^\r\n]{1,70}\r?\n/.test(text)) return 'multipart'
  return /^[A-Za-z0-9_.%+[\]-]{1,64}=[^\s]*$/.test(text.length > 4096 ? text.slice(0, 4096) : text) ? 'form' : 'text'
}

/** A decoded body with its secrets replaced. Linear in its length, whatever it holds. */
export function redactBody(
  text: string,
  contentType: string | null,
  place: 'request' | 'response',
  pseudonyms: Pseudonyms,
): string {
  if (text === '') return text
  switch (bodyKind(contentType, text)) {
    case 'json':
      return redactJson(text, place, pseudonyms)
    case 'form':
      return redactForm(text, place, pseudonyms)
    case 'multipart':
      return redactMultipart(text, contentType, place, pseudonyms)
    case 'text':
      return isMarkup(text)
        ? redactText(redactMarkup(text, place, pseudonyms), pseudonyms)
        : redactJson(text, place, pseudonyms)
  }
}

/** Parts by name (RFC 7578); a part whose name is a secret's loses its content, other parts are read as bodies of their own. */
function redactMultipart(
  text: string,
  contentType: string | null,
  place: 'request' | 'response',
  pseudonyms: Pseudonyms,
): string {
  const boundary = multipartBoundary(contentType, text)
  if (boundary === null) return redactJson(text, place, pseudonyms)
  const delimiter = `--${boundary}`
  let out = ''
  let start = 0
  while (start < text.length) {
    let end = text.indexOf(delimiter, start)
    if (end < 0) end = text.length
    out += redactPart(text.slice(start, end), place, pseudonyms)
    const next = Math.min(text.length, end + delimiter.length)
    out += text.slice(end, next)
    start = next
  }
  return out
}

function multipartBoundary(contentType: string | null, text: string): string | null {
  const named = contentType === null ? null : /boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType)
  if (named !== null) return named[1] ?? named[2] ?? null
  return /^--([^\r\n]{1,70})\r?\n/.exec(text)?.[1] ?? null
}

function redactPart(part: string, place: 'request' | 'response', pseudonyms: Pseudonyms): string {
  let split = part.indexOf('\r\n\r\n')
  let gap = 4
  if (split < 0) {
    split = part.indexOf('\n\n')
    gap = 2
  }
  if (split < 0) return redactText(part, pseudonyms)
  const head = part.slice(0, split)
  const content = part.slice(split + gap)
  const name =
    /\bname="([^"\r\n]{1,128})"/i.exec(head.slice(0, 2048))?.[1] ??
    /\bname=([^\s;"]{1,128})/i.exec(head.slice(0, 2048))?.[1] ??
    ''
  const secrecy = secrecyOf(name)
  const ending = /\r?\n?$/.exec(content.slice(-2))?.[0] ?? ''
  const value = content.slice(0, content.length - ending.length)
  if (secrecy !== 'keep') {
    return (
      part.slice(0, split + gap) +
      redactValue(value, secrecy, place === 'request' ? 'query' : place, pseudonyms) +
      ending
    )
  }
  const type = /^content-type:[ \t]*([^\r\n]{1,128})/im.exec(head.slice(0, 2048))?.[1] ?? null
  const inner = bodyKind(type, value) === 'form' && type === null ? 'text/plain' : type
  const redacted = inner?.startsWith('multipart/')
    ? redactText(value, pseudonyms)
    : redactPlainPart(value, inner, place, pseudonyms)
  return part.slice(0, split + gap) + redacted + ending
}

function redactPlainPart(
  value: string,
  type: string | null,
  place: 'request' | 'response',
  pseudonyms: Pseudonyms,
): string {
  return bodyKind(type, value) === 'json' ? redactJson(value, place, pseudonyms) : redactText(value, pseudonyms)
}

function isMarkup(text: string): boolean {
  return /^[\s\uFEFF]{0,64}</.test(text)
}

/** A name and its value in quotes; of a tag at most a kilobyte is looked at. */
const ATTRIBUTE = /\s(?:[\w.-]{1,64}:)?([\w.-]{1,64})=["']([^"'<>]{1,900})["']/g
/** Content of one element that is looked at for its end; a longer one ends with the first tag in it. */
const MAX_CONTENT = 1024

/** Where the content of the element ends that begins at `from`; `next`: the first tag after it, -1 for none. */
function endOf(text: string, tag: string, from: number, next: number): number {
  if (next < 0) return text.length
  const name = /^[\w.:-]{1,129}/.exec(tag)?.[0] ?? ''
  const end = text.slice(from, from + MAX_CONTENT).indexOf(`</${name}`)
  return end < 0 ? next : from + end
}

/**
 * `<password>…</password>` of XML, and the `value` of `<input name="csrf_token" value="…">`: one pass from tag to tag, each
 * looked at for at most a kilobyte.
 */
function redactMarkup(text: string, place: 'request' | 'response', pseudonyms: Pseudonyms): string {
  let out = ''
  let copied = 0
  let at = text.indexOf('<')
  while (at >= 0) {
    const end = text.indexOf('>', at + 1)
    if (end < 0) break
    const tag = text.slice(at + 1, Math.min(end, at + 1024))
    const name = /^(?:[\w.-]{1,64}:)?([\w.-]{1,64})/.exec(tag)?.[1] ?? ''
    const next = text.indexOf('<', end + 1)
    const field = /\bname\s?=\s?["']([^"']{1,128})["']/i.exec(tag)?.[1]
    const held = field === undefined ? null : /\bvalue\s?=\s?(["'])([^"']{1,900})\1/i.exec(tag)
    if (field !== undefined && held !== null && secrecyOf(field) !== 'keep') {
      const start = at + 1 + held.index + held[0].length - 1 - held[2]!.length
      out += text.slice(copied, start) + redactValue(held[2]!, secrecyOf(field), place, pseudonyms)
      copied = start + held[2]!.length
    }
    const secrecy = secrecyOf(name)
    if ((secrecy === 'token' || secrecy === 'erase') && !tag.endsWith('/')) {
      // Whatever stands in it, other elements and what follows them.
      const stop = endOf(text, tag, end + 1, next)
      const value = text.slice(end + 1, stop)
      if (value.trim() !== '') {
        out += text.slice(copied, end + 1) + redactValue(value.trim(), secrecy, place, pseudonyms)
        copied = stop
      }
      at = stop >= text.length ? -1 : stop
      continue
    }
    for (const { index, 0: attribute, 1: key, 2: quoted } of tag.matchAll(ATTRIBUTE)) {
      const hidden = secrecyOf(key!)
      if (hidden !== 'token' && hidden !== 'erase') continue
      const start = at + 1 + index + attribute.length - 1 - quoted!.length
      if (start < copied) continue
      out += text.slice(copied, start) + redactValue(quoted!, hidden, place, pseudonyms)
      copied = start + quoted!.length
    }
    at = next
  }
  return copied === 0 ? text : out + text.slice(copied)
}
