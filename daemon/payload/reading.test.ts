import { expect, test } from 'vitest'
import { readingOf } from './reading.ts'

test.each([
  "' OR '1'='1",
  "-1' UNION ALL SELECT username,password FROM users-- -",
  '; cat /etc/passwd',
  '127.0.0.1 && ping -c 10 127.0.0.1',
  '<script>alert(1)</script>',
  "'\nOR\n1=1-- -",
  '../../../etc/passwd',
])('a payload by itself is a value: %s', (text) => {
  expect(readingOf(text, 'query')).toBe('value')
})

test.each([
  ['prose', 'How do I run os.system("ls") from a view?'],
  ['prose', "I said 'yes' and she said 'no'; drop me a line"],
  ['prose', 'Bitte nicht select und drop in der Tabelle verwenden'],
  ['program', 'SELECT name\n  FROM users\n WHERE id = 1;'],
  ['program', '#!/bin/sh\nset -e\ncat /etc/hosts | grep x\n'],
  ['program', '203.0.113.9 - - [x] "GET /../../etc/passwd HTTP/1.1" 400 0'],
])('%s: %s', (reading, text) => {
  expect(readingOf(text, 'json')).toBe(reading)
})

test('where nobody writes texts, a text is a value', () => {
  expect(readingOf('How do I run this; cat /etc/passwd', 'cookie')).toBe('value')
  expect(readingOf('How do I run this; cat /etc/passwd', 'path')).toBe('value')
})
