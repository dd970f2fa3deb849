import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkQuery } from './query-guard.ts'

const check = (sql: string) => checkQuery(sql, 'offpath')

test.each([
  'SELECT count() FROM transactions',
  'select 1;',
  'SELECT 1 -- a comment\n',
  "SELECT 'INTO OUTFILE; FORMAT CSV -- SETTINGS' AS text /* SETTINGS */ FROM transactions",
  "SELECT 'it''s', 'a\\'b', $x$file('/etc/passwd')$x$ FROM offpath.transactions FINAL",
  'WITH s AS (SELECT service, count() AS n FROM transactions GROUP BY service) SELECT * FROM s ORDER BY n DESC LIMIT 5',
  'SELECT a.id FROM transactions AS a INNER JOIN signals AS b ON a.id = b.transaction_id AND a.status IN (200, 204), incidents WHERE 1',
  'SELECT client_ip, {since:DateTime64(6)} FROM transactions WHERE status IN {codes:Array(UInt16)}',
  'SELECT arrayJoin([1, 2]), t.1, 1.5e3, 0x1F FROM (SELECT (1, 2) AS t)',
  'SELECT weird, count() FROM transactions ARRAY JOIN weirds AS weird GROUP BY weird',
  'SELECT number FROM numbers(10) WHERE number NOT IN (SELECT 1 UNION ALL SELECT 2)',
  'SELECT t.format, "settings", quantiles(0.5, 0.9)(duration_us), formatDateTime(ts, \'%F\'), uniqCombined64Merge(callers) FROM t',
  'EXPLAIN SELECT 1',
  'EXPLAIN QUERY TREE SELECT 1',
  'DESCRIBE TABLE transactions',
  'DESC offpath.transactions',
  'SHOW TABLES',
  'SELECT name FROM system.tables',
  '(SELECT 1) UNION ALL (SELECT 2)',
])('a question is let through: %s', (sql) => {
  expect(check(sql)).toBe(sql.replace(/;$|\s*-- a comment\n$/, ''))
})

test.each([
  ['', 'it is empty'],
  ['-- only a comment', 'it is empty'],
  ['SELECT 1; SELECT 2', 'several statements'],
  ['INSERT INTO transactions (id) VALUES (1)', 'no SELECT'],
  ['SYSTEM FLUSH LOGS', 'no SELECT'],
  ['SET readonly = 0', 'no SELECT'],
  ['USE default', 'no SELECT'],
  ["ATTACH DATABASE x ENGINE = SQLite('/x')", 'no SELECT'],
  ['EXPLAIN CREATE TABLE x (a UInt8) ENGINE = Memory', 'no SELECT'],
  ["EXPLAIN TABLE OVERRIDE mysql('h:1', 'd', 't', 'u', 'p')", 'no SELECT'],
  ['SHOW DATABASES', 'SHOW TABLES'],
  ['SHOW CREATE TABLE transactions', 'SHOW TABLES'],
  ["DESCRIBE file('/etc/passwd')", 'table function file'],
  ["DESCRIBE TABLE url('http://h/')", 'table function url'],
  ["EXPLAIN SELECT * FROM file('/etc/passwd')", 'table function file'],
  ["SELECT 1 INTO OUTFILE '/tmp/x'", 'INTO is not allowed'],
  ["SELECT 1\nInTo/**/OUTFILE '/tmp/x'", 'INTO is not allowed'],
  ["SELECT 1.INTO OUTFILE '/tmp/x'", 'the character'],
  ['SELECT 1 FORMAT CSV', 'FORMAT is not allowed'],
  ['SELECT 1 SETTINGS readonly = 0', 'SETTINGS is not allowed'],
  ['SELECT * FROM (SELECT 1 SETTINGS max_threads = 99)', 'SETTINGS is not allowed'],
  ['SELECT 1 PARALLEL WITH SELECT 2', 'PARALLEL is not allowed'],
  ["SELECT file('/etc/passwd')", 'the function file'],
  ['SELECT "file"(\'/etc/passwd\')', 'the function file'],
  ["SELECT `FILE` /* x */ ('/etc/passwd')", 'the function FILE'],
  ["WITH file('/etc/passwd') AS f SELECT f", 'the function file'],
  ["SELECT * FROM transactions, file('/etc/passwd')", 'table function file'],
  ["SELECT * FROM a JOIN b ON a.x = b.x, url('http://h/')", 'table function url'],
  ["SELECT * FROM a LEFT JOIN s3('http://h/') AS b ON 1", 'table function s3'],
  ["SELECT * FROM t AS ARRAY JOIN merge('system', '.*')", 'alias is named ARRAY'],
  ["SELECT 1 IN remote('h', 'd', 't')", 'the function remote'],
  ["SELECT 1 WHERE 1 IN (SELECT * FROM executable('x', 'TSV', 'a UInt8'))", 'executable'],
  ["SELECT dictGet('d', 'a', 1)", 'the function dictGet'],
  ["SELECT joinGet('other.t', 'a', 1)", 'the function joinGet'],
  ["SELECT hasColumnInTable('h', 'u', 'p', 'd', 't', 'c')", 'hasColumnInTable'],
  ["SELECT aiGenerate('x')", 'aiGenerate'],
  ["SELECT * FROM '/etc/passwd'", 'no name of a table'],
  ['SELECT * FROM "/etc/passwd"', 'no name of a table'],
  ['SELECT * FROM {t:Identifier}', 'names a table or column'],
  ['SELECT * FROM {t:String}', 'no name of a table'],
  ['SELECT * FROM (transactions)', 'holds no SELECT'],
  ['SELECT * FROM other.t', 'database other'],
  ['SELECT 1 IN other.t', 'database other'],
  ['SELECT 1 IN (other.t)', 'database other'],
  ['SELECT * FROM system.users', 'system.users'],
  ['SELECT * FROM "system"."users"', 'system.users'],
  ['SELECT 1 IN (system.query_log)', 'system.query_log'],
  ['SELECT 1 IN (INFORMATION_SCHEMA.tables)', 'INFORMATION_SCHEMA'],
  ['SELECT 1 # comment', 'the character'],
  ['SELECT 1 /* /* */ INTO OUTFILE */', 'comment within a comment'],
  ['SELECT 1 /* open', 'comment within a comment'],
  ["SELECT 'open", 'not closed'],
  ['SELECT a$b$ INTO OUTFILE $b$', 'dollar in a name'],
  ['SELECT $a', 'no heredoc'],
  ['SELECT 1 \\G', 'the character'],
  ['SELECT ‘x’', 'the character'],
  ['SELECT @@version', 'the character'],
  ['SELECT "a\\"b"', 'escape in a quoted name'],
  ['SELECT 1)', 'closes nothing'],
  [`SELECT ${'1,'.repeat(60_000)}1`, 'longer than'],
])('a question is refused: %s', (sql, why) => {
  expect(() => check(sql)).toThrow(why)
})

test('whatever the text, a query is let through or refused with its code, in linear time', () => {
  const piece = fc.constantFrom(
    "'",
    '"',
    '`',
    '$',
    '$a$',
    '/*',
    '*/',
    '--',
    '\n',
    '\\',
    '(',
    ')',
    ';',
    ' INTO ',
    '{',
    '}',
    'SELECT ',
    'x',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 200 }), (pieces) => {
      try {
        check(`SELECT ${pieces.join('')}`)
      } catch (error) {
        expect(error).toMatchObject({ code: 'OFFPATH_E_QUERY' })
      }
    }),
  )
  const started = performance.now()
  for (const unit of ['(', '/* */', "'a'", '$a$ ', '{', 'a.', '--\n']) {
    try {
      check(`SELECT ${unit.repeat(90_000 / unit.length)}`)
    } catch {}
  }
  expect(performance.now() - started).toBeLessThan(1_000)
})
