import type { JsonText } from '../model/json-text.ts'
import type { Header } from '../model/transaction.ts'
import { type BodyText, NO_TEXT } from './body-text.ts'
import type { Material } from './record.ts'

/** What a native record brought, redacted where it had to be. */
export class NativeMaterial implements Material {
  readonly #id: string
  readonly #requestHeaders: readonly Header[]
  readonly #responseHeaders: readonly Header[]
  readonly #requestBody: BodyText | null
  readonly #responseBody: BodyText | null

  constructor(
    id: string,
    requestHeaders: readonly Header[],
    responseHeaders: readonly Header[],
    requestBody: string | undefined,
    responseBody: string | undefined,
  ) {
    this.#id = id
    this.#requestHeaders = requestHeaders
    this.#responseHeaders = responseHeaders
    this.#requestBody = asBody(requestBody)
    this.#responseBody = asBody(responseBody)
  }

  id(): string {
    return this.#id
  }

  writeId(out: JsonText): void {
    out.string(this.#id)
  }

  requestHeaders(): readonly Header[] {
    return this.#requestHeaders
  }

  responseHeaders(): readonly Header[] {
    return this.#responseHeaders
  }

  writeRequestHeaders(out: JsonText): void {
    out.pairs(this.#requestHeaders)
  }

  writeResponseHeaders(out: JsonText): void {
    out.pairs(this.#responseHeaders)
  }

  requestBody(): BodyText | null {
    return this.#requestBody
  }

  responseBody(): BodyText | null {
    return this.#responseBody
  }
}

function asBody(text: string | undefined): BodyText | null {
  if (text === undefined) return null
  return text === '' ? NO_TEXT : new PlainText(text)
}

class PlainText implements BodyText {
  readonly text: string
  readonly binary = false
  readonly cut = false
  readonly weirds = NO_TEXT.weirds

  constructor(text: string) {
    this.text = text
  }
}
