import type { DetectorDeclaration } from '../detector.ts'
import { type PayloadKind, payloadDetector } from './injection/payload-detector.ts'

const SHARED_TRAPS =
  'What a payload of the same request brought out is told with the payload. Of answers with 2xx that are JSON only the beginning is looked at, compressed ones only when the request was odd. An endpoint that answers so to many callers, such as a documentation page, learns it. Missed: what no rule knows; the rest of a long JSON answer with 2xx; binary answers; a message that the program itself put into other words.'

function kind(
  name: string,
  noun: string,
  detects: string,
  traps: string,
  also: Pick<PayloadKind, 'besides'> = {},
): PayloadKind {
  return {
    id: `leak.${name}` as PayloadKind['id'],
    class: `leak_${name}`,
    name: noun,
    title: `${noun} in an answer`,
    detects,
    traps: `${traps} ${SHARED_TRAPS}`,
    ...also,
  }
}

const KINDS: readonly PayloadKind[] = [
  kind(
    'stack',
    'Stack trace',
    'Stack traces of Python, Java, Kotlin, Scala, Node, .NET, PHP, Go, Ruby, Rust, Elixir and Perl in an answer: they name files, versions and the way in.',
    'Bug trackers and log viewers. In an answer with 2xx or 3xx to a harmless request a trace counts e^3 less, until the endpoint is known never to show one. A trace around a database error is told as leak.sql_error.',
    { besides: 'leak_sql_error' },
  ),
  kind(
    'sql_error',
    'Database error',
    'Error messages of MySQL, MariaDB, PostgreSQL, Oracle, SQL Server, SQLite, DB2, MongoDB, Access, Sybase, Informix, Firebird, ClickHouse, Neo4j and of object mappers.',
    'Forums about databases. In an answer with 2xx or 3xx to a harmless request a message counts e^3 less, until the endpoint is known never to show one.',
  ),
  kind(
    'source',
    'Source or configuration',
    'Source of scripts, configuration with passwords, repositories, system files (passwd, shadow, win.ini) and what programs print (id, whoami, dir, ls, uname) in an answer.',
    'Sites that show code on purpose.',
  ),
  kind(
    'listing',
    'Directory listing',
    'Listings that web servers and object stores make of a folder without an index.',
    'Download servers that list on purpose.',
  ),
  kind(
    'secret',
    'Secret',
    'Private keys, keys of cloud and software services, database addresses with a password.',
    'The answer to whoever made the key just now.',
  ),
]

/** What answers give away, one detector for each class. */
export const leakDetectors: readonly DetectorDeclaration[] = KINDS.map(payloadDetector)
