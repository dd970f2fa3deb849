import { shippedSql } from './shipped.ts'

export interface SavedQuery {
  readonly name: string
  readonly title: string
  readonly question: string
  readonly params: readonly SavedParameter[]
  readonly sql: string
}

export interface SavedParameter {
  readonly name: string
  /** Used when none is given; null: one must be. */
  readonly default: string | null
  readonly meaning: string
}

const HEADER = /^-- (.+)\n-- question: (.+)\n((?:-- param: .+\n)*)/
const PARAMETER = /^-- param: (\w+)=(\S*) (.+)$/

/** The questions in queries/*.sql: a title, what it answers, parameters with their defaults, then the statement. */
export function savedQueries(): readonly SavedQuery[] {
  return shippedSql('queries').map(({ name, text }) => {
    const header = HEADER.exec(text)
    if (header === null) throw new Error(`${name}.sql has no title and question`)
    const params = header[3]!
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const [, parameter = '', value = '', meaning = ''] = PARAMETER.exec(line) ?? []
        if (parameter === '') throw new Error(`${name}.sql: ${line} is no parameter`)
        return { name: parameter, default: value === '' ? null : value, meaning }
      })
    return { name, title: header[1]!, question: header[2]!, params, sql: text.slice(header[0].length).trim() }
  })
}
