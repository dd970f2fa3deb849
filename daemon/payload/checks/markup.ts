import { type Evidence, type Field, NO_EVIDENCE, type PayloadCheck, type Unwrapped } from '../payload.ts'
import { readingOf } from '../reading.ts'

/** Markup that runs a script in a browser: elements, event handlers, script URLs, and ways out of an attribute or a string of a script. */
export const xss: PayloadCheck = {
  class: 'xss',
  side: 'request',
  literals: [
    '<script',
    '</script',
    '<svg',
    '<img',
    '<iframe',
    '<body',
    '<object',
    '<embed',
    '<math',
    '<details',
    '<video',
    '<audio',
    '<marquee',
    '<input',
    '<form',
    '<base',
    '<link',
    '<style',
    '<a ',
    '<a\t',
    '<x',
    '<xss',
    '<isindex',
    '<meta',
    '<select',
    '<button',
    '<textarea',
    '<keygen',
    '<table',
    '<div',
    '<p ',
    '<b ',
    '<!--',
    '<%',
    'javascript:',
    'vbscript:',
    'data:text/html',
    'onerror',
    'onload',
    'onclick',
    'onfocus',
    'onmouse',
    'ontoggle',
    'onstart',
    'onpointer',
    'onanimation',
    'onbegin',
    'onkey',
    'onsubmit',
    'onchange',
    'oninput',
    'onscroll',
    'onblur',
    'onwheel',
    'onresize',
    'ontransition',
    'onhashchange',
    'onpageshow',
    'oncut',
    'oncopy',
    'onpaste',
    'ondrag',
    'alert(',
    'alert`',
    'confirm(',
    'prompt(',
    'document.',
    'window.',
    'eval(',
    'expression(',
    'fromcharcode',
    'srcdoc',
    'java\0script',
    'jav ascript',
    'java script',
    'import(',
    'constructor(',
    '[].',
    'atob(',
    'top[',
    'self[',
    'parent[',
    'fetch(',
  ],
  check: checkMarkup,
}

const SCRIPT = /<\s{0,8}script(?:[\s/>]|$)/i
const SCRIPT_WITH =
  /<\s{0,8}script[^<>]{0,200}(?:src|href)\s{0,4}=|<\s{0,8}script[^<>]{0,64}>\s{0,16}[^<\s][^<]{0,400}<\//i
/** Code, not an ellipsis or the braces of a component. */
const RUNS = /^\s{0,8}["'`]?\s{0,8}[\w$.[\]"'+\\/]{0,48}\s{0,4}[(`=;[]/
const HANDLER = /<[a-z!/?][^<>]{0,400}?[\s/"'\u000c](on[a-z]{3,24})\s{0,16}=/i
const LOOSE_HANDLER =
  /(?:^|["'`\s/])(on(?:error|load|click|focus(?:in|out)?|mouse\w{1,8}|toggle|start|pointer\w{1,8}|animation\w{1,12}|begin|key\w{1,6}|submit|change|input|blur|wheel|resize|scroll|transition\w{1,6}|hashchange|pageshow|copy|cut|paste|drag\w{0,6}))\s{0,8}=\s{0,8}["'`]?\s{0,8}([^\s"'`>]{1,80})/i
const SCRIPT_URL = /(?:^|["'=(])(?:java|vb|live)script:(\S{0,32})/i
/** Browsers pass over these inside of a scheme. */
const BLANKS = /[\u0000-\u0020]/g
/** `javascript: the good parts` is a book. */
const PROSE_URL = /script:\s?[a-z]{1,24} [a-z]{1,24}\b(?!\s?[=(])/i
const DATA_URL = /data:\s{0,4}text\/(?:html|xml|javascript)[^,]{0,64},|data:image\/svg\+xml[^,]{0,64},/i
const ACTIVE_ELEMENT =
  /<\s{0,4}(?:iframe|object|embed|applet|base|meta|link|frame|frameset|layer|bgsound|isindex|form|svg|math|style|template|noscript|portal)\b[^<>]{0,200}(?:>|$|\/)/i
const REFERENCE =
  /<(?:iframe|object|embed|base|link|form|script)\b[^<>]{0,200}(?:src|href|data|action|code)\s{0,4}=|<meta\b[^<>]{0,100}http-equiv\s{0,4}=\s{0,4}["']?(?:refresh|set-cookie)/i
/** A call of what scripts of an attack call, or a way to build one. */
const CALL =
  /\b(?:alert|confirm|prompt|eval|setTimeout|setInterval|Function|execScript|fetch|import|atob|print)(?:\s{0,4}\(|`[^`\s]{0,32}`)|document\s{0,4}(?:\.|\[)\s{0,4}["']?(?:cookie|domain|write|location|body|createElement)|(?:window|self|top|parent|this|globalThis)\s{0,4}\[\s{0,4}["'`/\w]|\.constructor\s{0,4}[([]|String\.fromCharCode|location\s{0,4}=\s{0,4}["'`\w]|localStorage\s{0,4}\./i
/** Out of a string or attribute, then code: `';alert(1)//`, `"-alert(1)-"`, `"><`. */
const BREAKOUT =
  /^[^"'`<>]{0,200}(?:["'`]\s{0,4}[;+\-*,)}|&^%=]{1,4}\s{0,8}[\w($["'`]|["'`]?\s{0,4}>\s{0,4}<\s{0,4}[a-z!/]|<\/(?:script|title|textarea|style|noscript|iframe|template)\s{0,4}>)/i
const TAG = /<\/?[a-z][a-z0-9-]{0,20}(?:[\s/>]|$)/i
const STYLE = /<style\b[^<>]{0,64}>[^<]{0,200}@import|expression\s{0,4}\(|-moz-binding|behavior\s{0,4}:\s{0,4}url/i

function checkMarkup({ text, layers }: Unwrapped, field: Field): readonly Evidence[] {
  const found: Evidence[] = []
  const call = CALL.test(text)
  const note = (rule: string, logOdds: number, match: RegExpExecArray) => {
    found.push({
      rule: `xss.${rule}`,
      logOdds,
      excerpt: text.slice(Math.max(0, match.index - 8), match.index + 120),
      tokens: match[0].slice(0, 60),
    })
  }
  const script = SCRIPT.exec(text)
  // Named in a sentence or a question, it runs nothing: an attack gives it a source, a body, or an end to what stands before it.
  if (script !== null)
    note('script', call || SCRIPT_WITH.test(text) ? 10 : readingOf(text, field.place) === 'prose' ? 3 : 6, script)
  const handler = HANDLER.exec(text)
  if (handler !== null)
    note(
      'handler',
      call || RUNS.test(text.slice(handler.index + handler[0].length, handler.index + handler[0].length + 64)) ? 10 : 5,
      handler,
    )
  else {
    const loose = LOOSE_HANDLER.exec(text)
    if (loose !== null) note('loose_handler', call && readingOf(text, field.place) === 'value' ? 9 : 4, loose)
  }
  const url = text.includes(':') ? SCRIPT_URL.exec(text.replace(BLANKS, '')) : null
  if (url !== null)
    note('script_url', !PROSE_URL.test(text) && /^[\w.$]{0,32}[(`%/[=;]/.test(url[1] ?? '') ? 10 : 2, url)
  const data = DATA_URL.exec(text)
  if (data !== null) note('data_url', /^data:\s{0,4}image/i.test(data[0]) && !call ? 4 : 7, data)
  const reference = REFERENCE.exec(text)
  if (reference !== null) note('reference', 8, reference)
  const active = ACTIVE_ELEMENT.exec(text)
  if (active !== null) note('element', call ? 10 : 6, active)
  if (call) {
    const out = BREAKOUT.exec(text)
    if (out !== null) note('breakout', 9, out)
    else if (TAG.test(text)) note('tag_and_call', readingOf(text, field.place) === 'value' ? 8 : 4, TAG.exec(text)!)
    else if (layers.length > 0 || text.length < 80)
      note('call', /^\W{0,8}(?:alert|confirm|prompt|eval)\W/i.test(text) ? 7 : 3, CALL.exec(text)!)
  } else {
    const out = BREAKOUT.exec(text)
    if (out?.[0].includes('<')) note('breakout', 6, out)
    const tag = TAG.exec(text)
    if (tag !== null) note('tag', 2, tag)
  }
  const style = STYLE.exec(text)
  if (style !== null) note('style', style[0].startsWith('<') ? 8 : 6, style)
  if (found.length === 0) return NO_EVIDENCE
  return found.sort((a, b) => b.logOdds - a.logOdds).slice(0, 4)
}
