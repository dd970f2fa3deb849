import { Random } from '../../../demo/random.ts'
import { type CorpusSet, half } from '../corpus-request.ts'
import * as WORDS from './words.ts'

/** Fills templates: `«noun»` is a word of that list, `«9»` a number of so many digits, `«hex8»` as many hexadecimal digits. */
export class Grammar {
  readonly random: Random
  readonly #set: CorpusSet
  readonly #halves = new Map<readonly unknown[], unknown[]>()

  constructor(seed: string, set: CorpusSet) {
    this.random = new Random(`${seed}/${set}`)
    this.#set = set
  }

  /** An entry of the set's half of a list. */
  one<T>(list: readonly T[]): T {
    let own = this.#halves.get(list)
    if (own === undefined) {
      own = half(list, this.#set)
      this.#halves.set(list, own)
    }
    return this.random.pick(own) as T
  }

  fill(template: string): string {
    return template.replace(/«([^»]{1,24})»/g, (_, name: string) => this.#slot(name))
  }

  /** A template of the list, filled. */
  text(templates: readonly string[]): string {
    return this.fill(this.one(templates))
  }

  texts(templates: readonly string[], least: number, most: number, between: string): string {
    return Array.from({ length: this.random.between(least, most) }, () => this.text(templates)).join(between)
  }

  digits(count: number): string {
    let text = String(this.random.between(1, 9))
    while (text.length < count) text += this.random.between(0, 9)
    return text
  }

  hex(count: number): string {
    let text = ''
    while (text.length < count) text += this.random.between(0, 15).toString(16)
    return text
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.random.between(0, 255)))
  }

  #slot(name: string): string {
    if (/^\d+$/.test(name)) return this.digits(Number(name))
    if (name.startsWith('hex')) return this.hex(Number(name.slice(3)))
    if (name.startsWith('base64-')) return this.bytes(Number(name.slice(7))).toString('base64')
    if (name.startsWith('token-')) return this.bytes(Number(name.slice(6))).toString('base64url')
    if (name === 'uuid') return `${this.hex(8)}-${this.hex(4)}-4${this.hex(3)}-a${this.hex(3)}-${this.hex(12)}`
    if (name === 'date') return `2026-${this.#two(12)}-${this.#two(28)}`
    if (name === 'time') return `${this.#two(23)}:${this.#two(59)}:${this.#two(59)}`
    if (name === 'ip') return `203.0.113.${this.random.between(1, 254)}`
    if (name === 'name') return `${this.one(WORDS.FIRST)} ${this.one(WORDS.LAST)}`
    if (name === 'mail')
      return `${this.one(WORDS.FIRST)
        .toLowerCase()
        .replace(/[^a-z]/g, '')}@${this.one(WORDS.DOMAIN)}`
    if (name === 'Noun') {
      const noun = this.one(WORDS.NOUN)
      return noun[0]!.toUpperCase() + noun.slice(1)
    }
    const list = SLOTS[name]
    if (list === undefined) throw new RangeError(`no list of words is called ${name}`)
    return this.one(list)
  }

  #two(most: number): string {
    return String(this.random.between(1, most)).padStart(2, '0')
  }
}

const SLOTS: Readonly<Record<string, readonly string[]>> = {
  first: WORDS.FIRST,
  last: WORDS.LAST,
  noun: WORDS.NOUN,
  adjective: WORDS.ADJECTIVE,
  verb: WORDS.VERB,
  city: WORDS.CITY,
  domain: WORDS.DOMAIN,
  table: WORDS.TABLE,
  column: WORDS.COLUMN,
  identifier: WORDS.IDENTIFIER,
  product: WORDS.PRODUCT,
  company: WORDS.COMPANY,
  file: WORDS.FILE,
  command: WORDS.COMMAND,
  package: WORDS.PACKAGE,
}
