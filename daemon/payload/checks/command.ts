import { type Evidence, type Field, NO_EVIDENCE, type PayloadCheck, type Place, type Unwrapped } from '../payload.ts'

/** Programs that say by their name alone what they are run for. */
const TELLING = new Set(
  (
    'whoami wget curl nc ncat netcat bash zsh ksh dash csh tcsh busybox powershell powershell.exe pwsh cmd.exe certutil bitsadmin mshta rundll32 regsvr32 wmic nslookup ping ping6 uname ifconfig ipconfig netstat ' +
    'systeminfo tasklist chmod chown mkfifo socat telnet tftp sudo xargs printenv crontab iptables systemctl base64 xxd openssl python python2 python3 perl ruby php node lua gcc nohup getent traceroute tracert'
  ).split(' '),
)
/** Programs that are words as well: they count with an argument that a program would get, or nothing after them. */
const PLAIN = new Set(
  (
    'cat ls id sh cmd dig host sleep echo printf rm cp mv touch mkdir kill ps env set export ss route arp find grep sed awk head tail tac more less tee ssh scp ftp su dir type net hostname pwd which timeout eval exec ' +
    'source reboot shutdown w who last df mount dd tar zip unzip sort uniq wc rev strings stat file date finger passwd useradd service lsof pkill killall java time od start copy del ver vol print test read true false'
  ).split(' '),
)
/** `; CPU iPhone OS` is in a browser's name. */
function asSought(name: string): string {
  return name === 'cp' ? 'cp ' : name
}

/** What developers begin a command line with; no attack needs them. */
const DEVELOPERS =
  'git npm npx yarn pnpm docker kubectl helm make pip pip3 brew apt apt-get cargo go mvn gradle cd'.split(' ')

const MAX_COMMANDS = 32
const MAX_WORD = 64

/** Whether what follows a metacharacter is a program with its arguments, as a shell (POSIX sh, cmd.exe) would read it. */
export const command: PayloadCheck = {
  class: 'command',
  side: 'request',
  literals: [
    '\n',
    '${ifs',
    '$ifs',
    '/bin/',
    '/??',
    '$@',
    '$*',
    'cmd /c',
    'cmd.exe /',
    'powershell -',
    'powershell.exe -',
    '() {',
    '(){',
    ...[...TELLING, ...PLAIN]
      .map(asSought)
      .flatMap((name) => [';', '; ', '|', '| ', '&& ', '&&', '& ', '`', '$(', '<(', '>('].map((meta) => meta + name)),
    ...[...TELLING].map((name) => `&${name}`),
    // Broken up by quotes or backslashes.
    ...[';', '; ', '|', '| ', '&& ', '&&', '& ', '`', '$(', '<(', '>('].flatMap((meta) =>
      ['cwpnibluesd'].flatMap((firsts) =>
        [...firsts].flatMap((first) => [`${meta}${first}'`, `${meta}${first}"`, `${meta}${first}\\`]),
      ),
    ),
  ],
  check,
}

function check({ text, layers }: Unwrapped, field: Field): readonly Evidence[] {
  let found: Evidence[] = []
  if (SHELLSHOCK.test(text))
    found.push({ rule: 'command.shellshock', logOdds: 13, excerpt: text.slice(0, 160), tokens: '() {' })
  let commands = 0
  for (let at = 0; at < text.length && commands < MAX_COMMANDS; at++) {
    const opening = metaAt(text, at)
    if (opening === 0) continue
    commands++
    const meta = text.slice(at, at + opening)
    const evidence = judged(text, at, meta, commandAfter(text, at + opening), field)
    if (evidence !== null) found.push(evidence)
    at += opening - 1
  }
  if (found.length > 0 && layers.length <= 1 && !ONE_LINERS.has(field.place) && isCommandLine(text))
    found = found.map((each) => ({ ...each, logOdds: Math.min(each.logOdds, MOST_IN_COMMAND_LINE) }))
  if (STARTS_WITH.test(text))
    found.push({ rule: 'command.program', logOdds: 8, excerpt: text.slice(0, 160), tokens: 'program' })
  if (IFS.test(text)) found.push({ rule: 'command.ifs', logOdds: 10, excerpt: text.slice(0, 160), tokens: 'IFS' })
  if (found.length === 0) return NO_EVIDENCE
  return found.sort((a, b) => b.logOdds - a.logOdds).slice(0, 4)
}

/**
 * Of a command line that somebody wrote or looks for (`ps aux | grep node`): an injection has to end what stands before it, so it begins with
 * a separator or with a value, not with a program and its arguments.
 */
const MOST_IN_COMMAND_LINE = 4

/** Where nobody writes of commands. */
const ONE_LINERS: ReadonlySet<Place> = new Set(['path', 'header', 'cookie', 'claim'])

/** Whether the text is a command line from its first word on, with nothing in it that only an attacker is after. */
function isCommandLine(text: string): boolean {
  const [, program = '', after = ''] = FIRST_WORD.exec(text) ?? []
  if (program === '') return false
  const isOne = DEVELOPER.has(program) || ((TELLING.has(program) || PLAIN.has(program)) && WRITTEN.test(after))
  return isOne && !GRAVE.test(text)
}

const DEVELOPER = new Set(DEVELOPERS)
const FIRST_WORD = /^\s{0,4}(?:[$#]\s)?(?:sudo\s{1,4})?([a-z][\w.+-]{0,31})(\s{1,4}[^\s;|&`<>][^\n]{0,80})/
/** Arguments as they are typed: an option, a string, a variable, a path, an address, a file; of `ps` its letters. */
const WRITTEN = /^\s{1,4}(?:-{1,2}[A-Za-z]|["']|\$\w|~|\.{0,2}\/|https?:\/\/|[\w-]{1,32}\.\w{1,8}(?:\s|$)|aux\b|ef\b)/
/** Passwords, sockets, a shell for somebody else, an address without a name, code that nobody is to read, all that there is; names in disguise. */
const GRAVE =
  /\/etc\/(?:passwd|shadow|sudoers)|\/dev\/(?:tcp|udp)\/|\/(?:var\/)?tmp\/|\bnc(?:at)?\s|\bmkfifo\b|\/bin\/(?:ba|da|z)?sh\b|\b(?:ba|z)?sh\s{1,4}-i\b|\b(?:\d{1,3}\.){3}\d{1,3}\b|\bbase64\s{1,4}-{1,2}d|\bchmod\s{1,4}(?:\+x|[0-7]{3})|\bid_rsa\b|\.ssh\/|(?:cmd\.exe|powershell)\b|\brm\s{1,4}-\w{1,4}\s{1,4}(?:\/|\*|~)|\b\w{1,4}(?:''|""|'\w{1,4}'|"\w{1,4}"|\\)\w|\$(?:\{?IFS|@)/i

/** CVE-2014-6271. */
const SHELLSHOCK = /^\s{0,8}\(\)\s{0,8}\{\s{0,8}(?::|[_\w]{0,16}\s{0,8}[;>])/
const STARTS_WITH =
  /^\s{0,8}(?:\/(?:usr\/)?(?:local\/)?s?bin\/[\w.-]{1,32}(?:\s|$|;)|(?:\/\w{1,32}\/)?cmd(?:\.exe)?\s{1,8}\/[ck]\b|powershell(?:\.exe)?\s{1,8}-\w)/i
const IFS = /\$\{?IFS\b/

/** Length of the metacharacter at `at`, 0 if it is none. */
function metaAt(text: string, at: number): number {
  const c = text[at]
  const next = text[at + 1]
  if (c === ';' || c === '\n' || c === '`') return 1
  if (c === '|' || c === '&') return next === c ? 2 : 1
  if ((c === '$' || c === '<' || c === '>') && next === '(') return 2
  return 0
}

interface Command {
  /** The first word without quotes, escapes, path and assignments. */
  readonly program: string
  /** It was written with quotes or escapes inside, or with wildcards. */
  readonly disguised: boolean
  readonly path: boolean
  /** A path of wildcards that only a shell fills in. */
  readonly wild: boolean
  readonly after: string
}

function commandAfter(text: string, from: number): Command {
  let at = from
  while (at < text.length && (text[at]! <= ' ' || text[at] === '(' || text[at] === '{')) at++
  // FOO=bar program
  let word = ''
  let disguised = false
  const start = at
  for (; at < text.length && word.length < MAX_WORD; at++) {
    const c = text[at]!
    if (
      c <= ' ' ||
      ';|&<>()`{}'.includes(c) ||
      (c === '$' && (text.startsWith('$IFS', at) || text.startsWith('${IFS', at)))
    )
      break
    if (c === '"' || c === "'" || c === '\\' || c === '^') {
      disguised ||= at > start
      continue
    }
    if (c === '$' && (text[at + 1] === '@' || text[at + 1] === '*')) {
      disguised = true
      at++
      continue
    }
    word += c
  }
  const slash = Math.max(word.lastIndexOf('/'), word.lastIndexOf('\\'))
  const name = word.slice(slash + 1).toLowerCase()
  return { program: name, disguised, path: BIN.test(word), wild: WILD_PATH.test(word), after: text.slice(at, at + 200) }
}

const BIN = /^\/(?:usr\/)?(?:local\/)?s?(?:bin|b[i?*][n?*])\//

function judged(text: string, at: number, meta: string, run: Command, field: Field): Evidence | null {
  const telling = TELLING.has(run.program) || run.path
  if (!telling && !PLAIN.has(run.program)) {
    if (run.wild) return { ...evidence(text, at, 'command.wildcard', 9, meta, run), works: !ASKS.test(text) }
    return null
  }
  const substitutes = meta === '$(' || meta === '`' || meta === '<(' || meta === '>('
  const closed = substitutes && (meta === '`' ? run.after.includes('`') : run.after.includes(')'))
  const argument =
    ARGUMENT.test(run.after) ||
    (telling && TELLING_ARGUMENT.test(run.after)) ||
    (run.program === 'ps' && PS_ARGUMENT.test(run.after)) ||
    (run.program === 'net' && NET_ARGUMENT.test(run.after))
  const ends = ENDS.test(run.after)
  let logOdds = telling ? 4 : 1
  if (argument) logOdds += (telling ? 4 : 6) + (STRONG.test(run.after) ? 2 : 0)
  else if (ends) logOdds += (telling ? 4 : 3) + (alone(text, at, run, meta) ? 3 : 0)
  if (substitutes) logOdds += closed ? 3 : 0
  if (run.disguised) logOdds += 4
  if (meta === '||' || meta === '&&') logOdds += 1
  // Browsers put programs' names after semicolons in their own: `Mozilla/5.0 (X11; …)`.
  if (field.name === 'header:user-agent' && meta === ';' && !argument && !run.path && text.includes('(')) logOdds -= 4
  // Parameters follow `&`.
  if (meta === '&' && run.after.startsWith('=')) return null
  // A line of prose or code may begin with any word.
  if (meta === '\n' && at > 0 && field.place !== 'query' && field.place !== 'path') logOdds -= 3
  // A name in a sentence, as Markdown writes it.
  if (meta === '`' && isCodeSpan(text, at, run.after)) logOdds -= 5
  if (logOdds < 3) return null
  const rule = `command.${substitutes ? 'substitution' : 'chained'}`
  return { ...evidence(text, at, rule, Math.min(logOdds, 13), meta, run), works: meta !== '\n' && !ASKS.test(text) }
}

/** Who asks about a command does not want it to run. */
const ASKS = /\?\s{0,4}$|^\s{0,4}(?:how|what|why|which|when|does|do|is|can|could|should|where|who)\b/i

/** The value is a command and no more, or ends one word with a command that is no word itself. */
function alone(text: string, at: number, run: Command, meta: string): boolean {
  if (at <= 1) return run.after.trim() === '' && meta !== '&'
  return NO_WORD.has(run.program) && text.length <= 80 && ONE_WORD.test(text.slice(0, at))
}

const NO_WORD = new Set('id ls pwd env ps df lsof rm sh awk sed grep ssh scp dir'.split(' '))
const ONE_WORD = /^[^\s;|&]{0,64}\s{0,2}$/
/** A piece of code in a sentence, as Markdown writes it: between words, or at the end of a text that has one before. */
function isCodeSpan(text: string, at: number, after: string): boolean {
  if (QUOTED_NAME.test(after)) return true
  if (!WORD_BEFORE.test(text.slice(Math.max(0, at - 32), at))) return false
  return WORD_AFTER.test(after) || (SPAN_ENDS.test(after) && text.slice(0, at).includes('`'))
}

const SPAN_ENDS = /^[^`\n]{0,120}`[.,;:)?]?\s{0,2}$/
const WORD_BEFORE = /(?:^|\s)[A-Za-z]{2,24}\s$/
const WORD_AFTER = /^[^`\n]{0,120}`[.,;:)?]?\s{1,2}[A-Za-z]{2,24}[\s.,;:?]/
const QUOTED_NAME = /^`[\s.,:;)]{1,2}(?:[a-z]|$)/i
const WILD_PATH = /^\/[\w?*]{0,8}[?*][\w?*]{0,8}\/[\w?*.]{1,16}$/
/** What a program is given: an option, a path, an address, a redirection, a host, a number alone. */
const ARGUMENT =
  /^(?:\s{0,8}(?:\$\{?IFS\}?\$?\d?)?\s{0,8})(?:-{1,2}[a-z0-9]|\/(?:\s|$)|\/(?:etc|bin|tmp|dev|proc|var|usr|home|root|c\b)|\d{1,3}\.\d{1,3}\.\d|https?:\/\/|\$\(|`|"\$|<(?!\/)|>|%\w|c:\\|\.\.?\/|\d{1,5}\s{0,4}(?:$|[;&|)`#])|[\w-]{1,63}\.(?:com|net|org|io|sh|txt|php|pl|py|ru|cn|xyz|oast|dnslog|burpcollaborator|interact)|\w{0,16}passwd|[^;|&\n]{0,60}>{1,2}\s{0,4}(?:\/|[\w-]{1,64}\.(?:php|txt|jsp|sh)))/i
/** Of programs that are no words: another program, an address, a file, a number. */
const TELLING_ARGUMENT =
  /^\s{1,8}(?:[^\n;|&]{0,40}?(?:[.:\\=~]\w|\/\w|\s-\w)|(?:sh|bash|nc|ncat|wget|curl|telnetd|httpd)\b)/i
const PS_ARGUMENT = /^\s{1,8}(?:aux|ef|-)/
const NET_ARGUMENT = /^\s{1,8}(?:user|view|localgroup|group|share|use|accounts|start|stop)\b/i
const STRONG =
  /^\s{0,8}(?:\$\{?IFS\}?\s{0,4})?(?:-\w{1,4}\s{1,4})?(?:\/(?:etc|bin|tmp|dev|proc|var|root)\/|https?:\/\/)/
const ENDS = /^\s{0,8}(?:$|[;&|)`#}])/

function evidence(text: string, at: number, rule: string, logOdds: number, meta: string, run: Command): Evidence {
  const sign = meta === '\n' ? '\\n' : meta
  return { rule, logOdds, excerpt: text.slice(at, at + 120), tokens: `${sign} ${run.program}` }
}
