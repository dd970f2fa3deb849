import { type Evidence, NO_EVIDENCE, type PayloadCheck } from '../payload.ts'

/** Expressions of template engines that compute something: `{{7*7}}`, `${T(java.lang.Runtime)…}`, `<%= system("id") %>`. */
export const ssti: PayloadCheck = {
  class: 'ssti',
  side: 'request',
  literals: [
    '{{',
    '${',
    '#{',
    '<%',
    '{%',
    '*{',
    '@(',
    '[[${',
    '~{',
    '{php',
    '{system',
    '{exec',
    '{passthru',
    '{shell',
    '{if ',
    '#set',
    '<#',
    '[#',
    '<@',
    '@{',
    '{7*',
  ],
  check: ({ text }): readonly Evidence[] => {
    const found: Evidence[] = []
    for (const { 0: whole, 1: curly, 2: dollar, 3: erb, 4: statement, 5: razor, index } of text.matchAll(EXPRESSION)) {
      const inside = curly ?? dollar ?? erb ?? statement ?? razor ?? ''
      const logOdds = REACHES.test(inside) ? 11 : ARITHMETIC.test(inside) ? 9 : OPERATOR.test(inside) ? 3 : 0
      if (logOdds > 0)
        found.push({
          rule: logOdds === 9 ? 'ssti.arithmetic' : 'ssti.expression',
          logOdds,
          excerpt: text.slice(index, index + 120),
          tokens: whole.slice(0, 40),
        })
      if (found.length === 4) break
    }
    const directive = DIRECTIVE.exec(text)
    if (directive !== null)
      found.push({
        rule: 'ssti.directive',
        logOdds: 9,
        excerpt: text.slice(directive.index, directive.index + 120),
        tokens: directive[0],
      })
    if (found.length === 0 && LONE_OPENING.test(text))
      found.push({ rule: 'ssti.opening', logOdds: 2, excerpt: text, tokens: '{{' })
    if (found.length === 0) return NO_EVIDENCE
    return found.sort((a, b) => b.logOdds - a.logOdds)
  },
}

/** A word and an expression that is left open: how one asks whether a field is a template. */
const LONE_OPENING = /^[\w.-]{0,40}(?:\{\{|[$#]\{|<%|\{%)[\w.-]{0,16}$/
const EXPRESSION = /\{\{([^{}]{1,256})|[$#*@~]\{([^{}]{1,256})|<%=?([^%<]{1,256})|\{%([^%{]{1,256})|@\(([^()@]{1,128})/g
/** Two numbers and what is done with them: the answer shows whether it was computed. */
const ARITHMETIC = /^[\s'"(]{0,8}\d{1,9}['"]?\s{0,4}[*+/%-]\s{0,4}['"]?\d{1,9}[\s'")]{0,8}/
const OPERATOR = /[(*[|]/
/** What leads from a template to the program around it. */
const REACHES =
  /__(?:class|mro|subclasses|globals|builtins|import|init|base|self)__|\b(?:cycler|joiner|lipsum|get_flashed_messages)\b[.[|]|\b(?:request|self|config|url_for)(?:\.__|\[|\s{0,4}\|\s{0,4}attr|\.(?:application|environ|items|module|from_|SECRET))|\|\s{0,4}(?:filter|map|sort|reduce)\s{0,4}\(\s{0,4}['"]|\|\s{0,4}attr\b|java\.lang|T\s{0,2}\(|getRuntime|getClass|\.class\b|freemarker|ObjectConstructor|_self\.|registerUndefinedFilter|\b(?:system|popen|exec|passthru|shell_exec|phpinfo|eval|require|constructor|spawn|(?:IO|File|Dir|Process|Kernel)\.\w{1,32})\b(?:\s{0,2}[.([`]|\s{1,2}['"])|%x[({[]|\bapp\.(?:request|server|secret|session)|\bconstructor\b['"\].(]|\bglobal\.|\bprocess\.(?:mainModule|env|binding)|\bconfig(?:\.items|\s{0,4}$)|\bdump\s{0,2}\(\s{0,2}app/
const DIRECTIVE =
  /<#assign\s|<#list\s|#set\s{0,4}\(\s{0,4}\$|\{php\}|\{(?:system|exec|passthru|shell_exec)\s{0,2}\(|\[#assign|<@(?:include|import)|\$\{\s{0,4}"freemarker/i

/** Code of the server's own language. */
export const code: PayloadCheck = {
  class: 'code',
  side: 'request',
  literals: [
    '<?php',
    '<?=',
    'eval(',
    'system(',
    'exec(',
    'passthru(',
    'shell_exec',
    'popen(',
    'proc_open',
    'phpinfo',
    'assert(',
    'call_user_func',
    'create_function',
    'preg_replace',
    'base64_decode',
    'file_put_contents',
    'file_get_contents',
    '$_get',
    '$_post',
    '$_request',
    'require(',
    '__import__',
    'os.system',
    'subprocess',
    'os.popen',
    'runtime.getruntime',
    'processbuilder',
    'child_process',
    'process.mainmodule',
    'process.binding',
    'new function',
    'java.lang.',
    '@ognl',
    '${@',
    '${print',
    '${phpinfo',
    '${eval',
    '${system',
    'memberaccess',
    '#_',
    '%{(#',
    '#context',
    'class.module',
    'classloader',
    'instance_eval',
    'kernel.',
    'io.popen',
    'os.execute',
    'loadstring',
    'scriptengine',
    'groovy',
    'powershell',
    'reflect',
    'invokescript',
    '\\think\\',
    'allow_url_include',
    'auto_prepend_file',
  ],
  check: ({ text }, field): readonly Evidence[] => {
    for (const [name, logOdds, pattern] of CODE) {
      const match = pattern.exec(text)
      if (match === null) continue
      const start = Math.max(0, match.index - 16)
      // In an editor for code, or a question about it, it stands between other text.
      const alone = match.index < 64
      const prose = field.place === 'text' || field.place === 'header' ? 1 : 0
      return [
        {
          rule: `code.${name}`,
          logOdds: Math.max(2, logOdds - (alone ? 0 : 3) - prose),
          excerpt: text.slice(start, start + 120),
          tokens: match[0].slice(0, 60),
        },
      ]
    }
    return NO_EVIDENCE
  },
}

const CODE: readonly (readonly [string, number, RegExp])[] = [
  ['ognl', 12, /%\{\s{0,4}\(?#|#_memberAccess|@ognl\.|#context\[|@java\.lang\.\w{1,32}@|\(#\w{1,16}=@/i],
  ['class_loader', 12, /\bclass\.module\.classLoader|\bclassLoader\.(?:resources|URLs|defaultAssertion)/],
  ['php_ini', 11, /\b(?:allow_url_include|auto_prepend_file|allow_url_fopen|disable_functions)\s{0,4}=/],
  ['thinkphp', 11, /\\think\\\w{1,32}|think\\app\/invokefunction/i],
  ['php', 10, /<\?(?:php\b|=)/i],
  ['php_expression', 10, /\$\{@?\s{0,4}(?:print|phpinfo|eval|system|assert|exec|passthru)\s{0,4}\(/i],
  ['php_superglobal', 9, /\$_(?:GET|POST|REQUEST|COOKIE|SERVER|FILES)\s{0,4}\[/],
  [
    'php_call',
    8,
    /(?<!query |mutation |subscription )\b(?:system|shell_exec|passthru|proc_open|popen|pcntl_exec|create_function|call_user_func(?:_array)?|file_put_contents|base64_decode|phpinfo|assert|preg_replace)\s{0,4}\(\s{0,4}['"$)\d]/i,
  ],
  [
    'python',
    10,
    /__import__\s{0,4}\(|\bos\.(?:system|popen|execv?p?)\s{0,4}\(|\bsubprocess\.(?:Popen|call|run|check_output|getoutput)\b|\b__builtins__\b/,
  ],
  ['python_call', 9, /\b(?:exec|eval|compile)\s{0,4}\(\s{0,4}["'](?:import |from \w{1,32} import|print\(|os\.|__)/],
  [
    'node',
    10,
    /\brequire\s{0,4}\(\s{0,4}['"`](?:node:)?(?:child_process|fs|vm|net|os|http)['"`]|process\.(?:mainModule|binding|exit\s{0,2}\()|\bchild_process\b|constructor\.constructor\s{0,4}\(/,
  ],
  [
    'java',
    10,
    /\bRuntime\.getRuntime\s{0,4}\(|\bjava\.lang\.(?:Runtime|ProcessBuilder|Class|System)\b|\bnew\s{1,4}ProcessBuilder\b|javax\.script|ScriptEngineManager/,
  ],
  ['ruby', 9, /\bIO\.popen\b|\bKernel\.(?:exec|system|open)\b|\.instance_eval\b|%x[({]\w/],
  ['lua', 9, /\bos\.execute\s{0,4}\(|\bio\.popen\s{0,4}\(|\bloadstring\s{0,4}\(/],
  ['eval', 7, /(?:^|[^\w.])eval\s{0,4}\(\s{0,4}['"`$a-z(]/i],
]

/** Serialised objects that run code when they are read back. */
export const deserialization: PayloadCheck = {
  class: 'deserialization',
  side: 'request',
  documents: true,
  literals: [
    'ro0ab',
    'h4siaaa',
    'aaeaaad',
    '\xac\xed',
    ':{s:',
    ':{i:',
    ':{}',
    ':0:{',
    ':{o:',
    ':{a:',
    '_$$nd_func$$_',
    '!!python',
    '!!javax',
    '!!ruby',
    '!ruby/',
    '!!com',
    '@type',
    '$type',
    'objectdataprovider',
    'gasv',
    'cposix',
    'c__builtin__',
    'cbuiltins',
    'csubprocess',
    'cos ',
    'java.util.',
    'java.lang',
    'java.net',
    'com.sun.',
    'org.apache.',
    'javax.',
    'system.windows.',
    'system.diagnostics.',
    '<java',
    '<object',
    '<sorted-set',
    '<dynamic-proxy',
  ],
  check: ({ text }): readonly Evidence[] => {
    for (const [name, logOdds, pattern] of SERIALISED) {
      const match = pattern.exec(text)
      if (match !== null)
        return [
          {
            rule: `deserialization.${name}`,
            logOdds,
            excerpt: text.slice(match.index, match.index + 120),
            tokens: match[0].slice(0, 40),
          },
        ]
    }
    return NO_EVIDENCE
  },
}

const SERIALISED: readonly (readonly [string, number, RegExp])[] = [
  ['java', 10, /^\s{0,4}rO0AB[A-Za-z0-9+/]{8}|\u00ac\u00ed\u0000?\u0005/],
  ['java_gzip', 7, /^\s{0,4}H4sIAAA[A-Za-z0-9+/]{16}/],
  ['php', 10, /(?:^|[;{}"'])[OC]:\d{1,5}:"[\w\\]{1,128}":\d{1,5}:\{/],
  ['node', 12, /_\$\$ND_FUNC\$\$_/],
  [
    'yaml',
    11,
    /!!(?:python\/(?:object|name|module)|javax\.script|ruby\/object|com\.sun)|!ruby\/(?:object|hash|struct)/,
  ],
  [
    'json_type',
    10,
    /"?@type"?\s{0,4}:\s{0,4}"?(?:com\.sun|java\.|javax\.|org\.apache|L[a-z]{1,16}\/)|"\$type"\s{0,4}:\s{0,4}"System\.(?:Windows|Diagnostics|Data|Configuration|Security)/,
  ],
  [
    'json_type',
    9,
    /(?:^|[["'])(?:com\.sun\.rowset|com\.sun\.org\.apache|org\.apache\.(?:xbean|commons\.(?:dbcp|collections)|ibatis)|javax\.swing\.JEditorPane|java\.(?:net\.URL|lang\.(?:Class|AutoCloseable|Runtime))|System\.Windows\.Data\.ObjectDataProvider|System\.Diagnostics\.Process)/,
  ],
  ['pickle', 10, /(?:^|\n)c(?:posix|__builtin__|builtins|os|subprocess|nt)\n\w{1,32}\n|^\s{0,4}gASV[A-Za-z0-9+/]{12}/],
  ['dotnet', 9, /^\s{0,4}AAEAAAD\/{4}/],
  [
    'xml_object',
    9,
    /<java\s{1,4}(?:version|class)=|<object\s{1,4}class="java|<sorted-set>|<dynamic-proxy>|<entry>\s{0,4}<jdk\.nashorn/,
  ],
]
