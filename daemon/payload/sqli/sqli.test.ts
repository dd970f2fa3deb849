import { expect, test } from 'vitest'
import { sqli } from './sqli.ts'

function odds(text: string): number {
  return sqli.check({ text, layers: [] }, { place: 'query', name: 'query:q', key: 'q', value: text })[0]?.logOdds ?? 0
}

test.each([
  "' or 1=1--",
  "' or '1'='1",
  "admin'--",
  "admin' #",
  '1 or 1=1',
  "1' and sleep(5)#",
  '1 union select null,null,null--',
  '-1 UNION ALL SELECT username, password FROM users',
  "x' UnIoN/**/SeLeCt 1,2,3-- -",
  '1;drop table users',
  "1'; EXEC xp_cmdshell('dir')--",
  "1'; WAITFOR DELAY '0:0:5'--",
  "' and extractvalue(1,concat(0x7e,version()))-- ",
  '1 and (select count(*) from information_schema.tables)>0',
  "' || (select password from users where id=1) || '",
  "1' order by 10-- -",
  "' having 1=1--",
  '1/*!50000union*//*!50000select*/1,2',
  "') or ('a'='a",
  '" or ""="',
  '1)) or ((1=1',
  "' into outfile '/var/www/x.php'--",
  '1 and ascii(substring((select database()),1,1))>64',
  "'; insert into users values('a','b')--",
  '1 OR pg_sleep(5)',
  'UN/**/ION SEL/**/ECT 1,2',
  "' or true--",
  "' or not false #",
])('attack: %s', (text) => {
  expect(odds(text)).toBeGreaterThanOrEqual(7)
})

test.each([
  "O'Brien",
  "the '90s and the 2000s",
  'rock and roll or 2 for 1',
  'select a size, then order by phone',
  'European Union select committee on trade',
  "it's 5 o'clock somewhere",
  'drop me a line; call me',
  '12" vinyl',
  '5\' 10"',
  'Tom & Jerry -- the movie',
  'a=b and c=d',
  'C# developer',
  "rock 'n' roll",
  'price < 100 and size = 42',
  'delete from cart button does not work',
  "Update: the table isn't set",
  'how do I use group by in SQL?',
  "I said 'yes' and she said 'no'",
  '1-2-3',
  'where are you from',
  "don't and won't",
  "'quoted'",
  '2024-01-01 and 2024-02-01',
])('benign: %s', (text) => {
  expect(odds(text)).toBeLessThan(7)
})

test('a number with a quote is worth noting, no more', () => {
  expect(odds("1042'")).toBe(3)
})
