import { type Evidence, NO_EVIDENCE, type PayloadCheck, type PayloadClass } from '../payload.ts'

/** What an answer gives away that was not meant for its reader. */
function leak(
  name: Extract<PayloadClass, `leak_${string}`>,
  literals: readonly string[],
  rules: readonly (readonly [string, number, RegExp])[],
): PayloadCheck {
  return {
    class: name,
    side: 'response',
    literals,
    check: ({ text }): readonly Evidence[] => {
      for (const [rule, logOdds, pattern] of rules) {
        const match = pattern.exec(text)
        if (match === null) continue
        const start = Math.max(0, match.index - 16)
        return [
          { rule: `${name}.${rule}`, logOdds, excerpt: text.slice(start, start + 160), tokens: match[0].slice(0, 60) },
        ]
      }
      return NO_EVIDENCE
    },
  }
}

export const leakStack = leak(
  'leak_stack',
  [
    'traceback (most',
    '.js:',
    '.ts:',
    '.mjs:',
    '.cjs:',
    '.rb:',
    '.php on line',
    '.php</b> on line',
    '.php(',
    'exception',
    '", line ',
    '&quot;, line ',

    'exception in thread',
    'stack trace:',
    'stacktrace',
    'goroutine ',
    'panic:',
    'fatal error:',
    'system.nullreference',
    'caused by:',
    'unhandled exception',
    'whitelabel error',
    'werkzeug',
    'laravel',
  ],
  [
    ['python', 9, /Traceback \(most recent call last\)|(?:"|&quot;), line \d{1,6}, in [\w<]/],
    [
      'java',
      9,
      /\bat (?:java|javax|jdk|sun|com\.sun|org\.springframework|org\.apache|org\.hibernate)\.[\w.$]{1,100}\(|Exception[^\nE]{0,100}(?:\n|\\n)\s{0,8}(?:\\t)?at \w/,
    ],
    ['node', 8, /\.(?:[cm]?js|ts):\d{1,6}:\d{1,6}\)?(?:\s|\\n|$)/],
    ['dotnet', 9, /\) in [A-Za-z]:\\[^\n)]{1,100}:line \d|\bSystem\.\w{1,32}Exception: /],
    ['php', 9, /\.php(?:<\/b>)? on line (?:<b>)?\d|\.php\(\d{1,6}\): \w/],
    ['go', 9, /goroutine \d{1,9} \[running\]:|panic: runtime error:/],
    ['ruby', 8, /\.rb:\d{1,6}:in [`'‘]/],
  ],
)

export const leakSqlError = leak(
  'leak_sql_error',
  [
    'sql syntax',
    'sqlstate',
    'ora-0',
    'ora-1',
    'psql',
    'pg_query',
    'postgresql',
    'sqlite',
    'mysql_',
    'mysqli',
    'unclosed quotation',
    'odbc',
    'jdbc',
    'syntax error at or near',
    'db2 sql',
    'mongoerror',
    'sqlexception',
    'microsoft ole db',
    'incorrect syntax near',
    'unterminated quoted',
    'activerecord',
    'sequelizedatabase',
    'queryfailederror',
    'e11000',
    'duplicate key value',
    'data too long for',
  ],
  [
    [
      'mysql',
      10,
      /You have an error in your SQL syntax|check the manual that corresponds to your (?:MySQL|MariaDB)|mysqli?_(?:fetch|query|num_rows)\w{0,16}\(\)|MySqlClient\.|com\.mysql\.jdbc|ER_PARSE_ERROR/,
    ],
    [
      'postgresql',
      10,
      /syntax error at or near (?:\\?"|&quot;)|unterminated quoted string at or near|pg_query\(\)|PSQLException|ERROR:\s{1,4}(?:relation|column|operator) [^\n]{1,100} does not exist|invalid input syntax for (?:type )?\w{1,32}/,
    ],
    ['oracle', 10, /\bORA-\d{5}\b|quoted string not properly terminated/],
    [
      'sqlserver',
      10,
      /Unclosed quotation mark after the character string|Incorrect syntax near|Microsoft OLE DB Provider|SqlException \(0x|ODBC SQL Server Driver/,
    ],
    [
      'sqlite',
      10,
      /SQLITE_ERROR|SQLite3?::\w{0,32}Exception|sqlite3\.OperationalError|near "[^"]{1,64}": syntax error/,
    ],
    [
      'other',
      9,
      /SQLSTATE\[\w{5}\]|\bDB2 SQL error|MongoError:|MongoServerError|E11000 duplicate key|SequelizeDatabaseError|QueryFailedError|ActiveRecord::StatementInvalid|java\.sql\.SQL\w{0,32}Exception/,
    ],
  ],
)

export const leakSource = leak(
  'leak_source',
  [
    '<?php',
    '<?=',
    '#!/bin/',
    '#!/usr/bin/',
    '[core]',
    'repositoryformatversion',
    'db_password',
    '[boot loader]',
    'root:x:0:0',
    '<web-app',
    '<connectionstrings',
    '; for 16-bit app',
    'app_key=',
    'secret_key=',
  ],
  [
    ['passwd', 12, /\broot:[x*!]?:0:0:[^\n:]{0,64}:\/\w{0,32}:/],
    ['win_ini', 11, /; for 16-bit app support|\[boot loader\]/],
    ['php', 8, /<\?(?:php\s|=)/],
    ['git', 10, /\[core\]\s{1,8}repositoryformatversion/],
    [
      'environment',
      10,
      /(?:^|\n|\\n)(?:DB_PASSWORD|APP_KEY|AWS_SECRET_ACCESS_KEY|SECRET_KEY(?:_BASE)?|DATABASE_URL)\s{0,2}=\s{0,2}\S/,
    ],
    ['script', 6, /^#!\/(?:usr\/)?bin\/(?:env )?\w{1,16}/],
    ['configuration', 8, /<web-app[\s>][^\n]{0,200}|<connectionStrings>/],
  ],
)

export const leakListing = leak(
  'leak_listing',
  ['index of /', 'directory listing', 'parent directory', '[to parent directory]', '<listbucketresult'],
  [
    ['autoindex', 9, /<title>\s{0,8}Index of \/|<h1>\s{0,8}Index of \//i],
    ['iis', 9, /\[To Parent Directory\]/],
    ['generic', 8, /<title>\s{0,8}Directory [Ll]isting (?:for|--)\s{0,4}\//],
    ['bucket', 9, /<ListBucketResult\s/],
  ],
)

export const leakSecret = leak(
  'leak_secret',
  [
    '-----begin',
    'akia',
    'ghp_',
    'gho_',
    'ghs_',
    'github_pat_',
    'glpat-',
    'xoxb-',
    'xoxp-',
    'sk_live_',
    'rk_live_',
    'aiza',
    'sg.',
    'npm_',
    'shpat_',
    'aws_secret',
    'private_key',
    'sk-ant-',
    'sk-proj-',
    'dop_v1_',
    'mongodb+srv://',
    'postgres://',
    'mysql://',
  ],
  [
    ['private_key', 12, /-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED |PGP )?PRIVATE KEY/],
    ['aws', 10, /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/],
    ['github', 11, /\b(?:gh[posru]_[A-Za-z0-9]{36}|github_pat_\w{22,96})/],
    ['gitlab', 11, /\bglpat-[\w-]{20}/],
    ['slack', 11, /\bxox[bpars]-\d{8,16}-[\w-]{8,64}/],
    ['stripe', 11, /\b[sr]k_live_[A-Za-z0-9]{16,64}/],
    ['google', 9, /\bAIza[\w-]{35}/],
    ['sendgrid', 11, /\bSG\.[\w-]{22}\.[\w-]{43}/],
    ['npm', 10, /\bnpm_[A-Za-z0-9]{36}/],
    ['model_key', 10, /\bsk-(?:ant|proj)-[\w-]{20,128}/],
    [
      'database_url',
      9,
      /\b(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|redis|amqp):\/\/[^\s:/@"']{1,64}:[^\s@/"']{1,128}@/,
    ],
  ],
)
