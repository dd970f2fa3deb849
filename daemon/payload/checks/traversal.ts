import { type Evidence, type Field, NO_EVIDENCE, type PayloadCheck, type Unwrapped } from '../payload.ts'

/** Steps out of a folder, `../`, in every way they are written. */
export const traversal: PayloadCheck = {
  class: 'traversal',
  side: 'request',
  literals: ['../', '..\\', '/..', '\\..', '..;', '.\\./', '....//', './/'],
  check: checkTraversal,
}

/** Written out, or as every client encodes the slash. */
const AS_SENT = /\.\.(?:[/\\]|%2f|%5c)/i
/** `a/./b` and `a//b` are `a/b`. */
const SAME_PLACE = /\/(?:\.?\/)+/g
const STEP = /(?:^|[/\\=:;,\s"'(])\.{2,4}(?:;[^/\\;.]{0,16})?(?=[/\\]|$)/g
/** What one steps out to reach. */
const TARGET =
  /\b(?:etc[/\\]+(?:passwd|shadow|hosts|group|issue|ssh|nginx|apache2|crontab)|proc[/\\]+self|windows[/\\]+(?:win\.ini|system32|system\.ini)|winnt[/\\]|boot\.ini|web-inf[/\\]|meta-inf[/\\]|wp-config\.php|web\.config|id_rsa|var[/\\]+(?:log|www|run)[/\\]|root[/\\]+\.\w)|[/\\]\.(?:env\b|git[/\\]|ssh[/\\]|aws[/\\]|htpasswd|bash_history)/i

function checkTraversal({ text, layers }: Unwrapped, field: Field): readonly Evidence[] {
  let steps = 0
  for (const _ of text.matchAll(STEP)) if (++steps === 64) break
  if (steps === 0) return NO_EVIDENCE
  const target = TARGET.exec(text.replace(SAME_PLACE, '/'))
  const hidden = layers.length > 0 && (field.place === 'path' || !AS_SENT.test(field.value))
  // A link in prose or a relative import has one or two steps; nothing but an attack hides them.
  const logOdds = target !== null ? 11 : hidden ? 9 : steps >= 4 ? 8 : steps >= 2 ? 5 : field.place === 'path' ? 6 : 3
  const at = Math.max(0, (target?.index ?? text.indexOf('..')) - 40)
  return [
    {
      rule: target !== null ? 'traversal.to_file' : 'traversal.steps',
      logOdds,
      excerpt: text.slice(at, at + 120),
      tokens: `${steps} up`,
    },
  ]
}

/** Files of the system named outright. */
export const lfi: PayloadCheck = {
  class: 'lfi',
  side: 'request',
  literals: [
    '/etc/',
    '/proc/',
    'win.ini',
    'system32',
    'boot.ini',
    'web-inf',
    'php://',
    'file:/',
    'zip://',
    'phar://',
    'expect://',
    'data://',
    'data:text',
    'glob://',
    'compress.',
    'wp-config',
    '.htpasswd',
    'id_rsa',
    '.bash_history',
    '/var/log',
    'access.log',
    'c:\\',
    'c:/',
    'winnt',
    'jar:',
    'netdoc:',
  ],
  check: checkFiles,
}

const WRAPPER =
  /^(?:php:\/\/(?:filter|input|fd|memory|temp)|expect:\/\/|phar:\/\/|zip:\/\/|compress\.(?:zlib|bzip2):\/\/|glob:\/\/|netdoc:|jar:(?:https?|file):|file:\/{1,3}(?:[a-z]:[/\\]{1,2}(?:win|boot|inetpub)|etc|proc|var|usr|root|home\/\w{1,64}\/\.|tmp|\w{1,64}$))/i
const INNER_WRAPPER = /\b(?:php:\/\/(?:filter|input)|expect:\/\/\w|phar:\/\/|file:\/\/\/(?:etc|proc|c:))/i
const SYSTEM_FILE =
  /^[\s"'(]{0,4}(?:\/{1,4}(?:\.\/){0,4}etc\/(?:passwd|shadow|hosts|hostname|resolv\.conf|os-release|sudoers|fstab|mtab|profile|group|issue|crontab|ssh\/\w{1,32}|nginx\/|apache2\/|mysql\/|php)|\/{1,4}proc\/(?:self|version|\d{1,7}|cmdline|mounts|net)\b|\/{1,4}var\/log\/(?:apache|nginx|httpd|auth|syslog|mail|secure)|\/{1,4}root\/\.|\/{1,4}home\/\w{1,64}\/\.ssh|[a-z]:[/\\]{1,4}(?:windows|winnt|boot\.ini|inetpub|users[/\\]{1,4}administrator)|web-inf[/\\]|\/web-inf\/)/i

function checkFiles({ text }: Unwrapped, field: Field): readonly Evidence[] {
  const wrapper = WRAPPER.exec(text)
  if (wrapper !== null) return [{ rule: 'lfi.wrapper', logOdds: 10, excerpt: text.slice(0, 120), tokens: wrapper[0] }]
  const file = SYSTEM_FILE.exec(text.replace(SAME_PLACE, '/'))
  // Of a path alone, the whole is judged, not each segment.
  if (file !== null)
    return [
      {
        rule: 'lfi.file',
        logOdds: field.place === 'text' ? 5 : 9,
        excerpt: text.slice(0, 120),
        tokens: file[0].trim(),
      },
    ]
  const inner = INNER_WRAPPER.exec(text)
  if (inner === null) return NO_EVIDENCE
  return [
    { rule: 'lfi.wrapper_inside', logOdds: 6, excerpt: text.slice(inner.index, inner.index + 120), tokens: inner[0] },
  ]
}

/** What attackers call their programs. */
const RUN_NAMES = ['c99', 'r57', 'wso', 'b374k', 'shell', 'cmd', 'webshell', 'backdoor', 'cmdshell', 'x', 'a', 's']

/** A program of another host, to be included. */
export const rfi: PayloadCheck = {
  class: 'rfi',
  side: 'request',
  literals: [
    '\\\\',
    'data:text',
    'data:;base64',
    'data:application/x-httpd',
    'ftp://',
    'ftps://',
    'ogg://',
    'ssh2.',
    '.phtml',
    '.phar',
    '.txt?',
    '.inc?',
    '.ps1',
    '.sh?',
    '//1',
    '//2',
    ...RUN_NAMES.map((name) => `/${name}.`),
  ],
  check: ({ text, layers }, field): readonly Evidence[] => {
    if (field.place === 'header') return NO_EVIDENCE
    // What a NUL cut off was appended to be cut off.
    const script = REMOTE.exec(layers.includes('nul') ? text.replace(/\.\w{2,4}$/, '') : text)
    if (script !== null)
      return [
        {
          rule: 'rfi.script',
          logOdds: MEANT_TO_RUN.test(script[0]) ? 9 : 5,
          excerpt: text.slice(0, 120),
          tokens: script[1] ?? '',
        },
      ]
    const share = SHARE.exec(text)
    // A file server of the house has one word for a name.
    if (share !== null)
      return [
        {
          rule: 'rfi.share',
          logOdds: share[0].slice(2).split('\\')[0]!.includes('.') ? 8 : 4,
          excerpt: text.slice(0, 120),
          tokens: share[0],
        },
      ]
    if (DATA.test(text)) return [{ rule: 'rfi.data', logOdds: 9, excerpt: text.slice(0, 120), tokens: 'data:' }]
    return NO_EVIDENCE
  },
}

/** A URL alone that ends in a script's name, or in the `?` or NUL that cuts off what would be appended. */
const REMOTE =
  /^(?:(?:https?|ftps?|ogg|ssh2\.\w{1,8}):)?\/\/[^\s/?#]{1,256}\/[^\s?#]{0,512}?(\.(?:php[3457s]?|phtml|phar|asp|aspx|ashx|jsp|jspx|cfm|cgi|sh|ps1|txt|inc)\?{1,2}$|\.(?:php[3457s]?|phtml|jsp|asp|sh|ps1)$|\?{1,2}$)/i
/** Callbacks and pages end in .php, too; these are no pages. */
const MEANT_TO_RUN =
  /^(?:ftps?|ogg|ssh2\.\w{1,8}):|\.(?:phtml|phar|txt\?{1,2}|inc\?{1,2}|sh|ps1)$|\/(?:c99|r57|wso|b374k|shell|cmd|webshell|backdoor|cmdshell|x|a|s)\.\w{2,5}\?{0,2}$|:\/\/[^/]{1,256}\/?\?{1,2}$|:\/\/(?:\d{1,3}\.){3}\d{1,3}[:/]/i
const SHARE = /^\\\\[\w.-]{1,255}\\[\w$.-]{1,80}(?:\\|$)/
const DATA = /^data:(?:text\/(?:plain|html)|application\/x-httpd-php)?;base64,(?:PD9|PCU)/i
