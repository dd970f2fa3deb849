import type { Layer, PayloadCheck, Place } from '../payload.ts'
import { firstOf } from './first-of.ts'

/** Lines added to a message header, or commands to a mail server. */
export const mail: PayloadCheck = {
  class: 'mail',
  side: 'request',
  literals: [
    ' bcc:',
    ' cc:',
    ' to:',
    ' subject:',
    ' from:',
    ' reply-to:',
    ' content-type:',
    'rcpt to',
    'mail from',
    ' mime-version',
    '\n',
  ],
  check: ({ text, layers }, { place }) =>
    firstOf(text, 'mail', [
      [
        'header',
        10,
        /[\r\n][ \t]{0,4}(?:bcc|cc|to|from|reply-to|subject|content-type|mime-version)[ \t]{0,4}:[^\r\n@]{0,128}(?:@|multipart\/|text\/html)/i,
      ],
      // Where no text has lines, a line end by itself is no accident.
      ...(isOneLine(layers, place) ? [HEADER_AFTER_WORD] : []),
      [
        'command',
        11,
        /[\r\n]\s{0,4}(?:RCPT TO:|MAIL FROM:|(?:DATA|QUIT)\s{0,4}(?:[\r\n]|$)|(?:HELO|EHLO) [\w.-]{1,64}[\r\n])/,
      ],
    ]),
}

const HEADER_AFTER_WORD: readonly [string, number, RegExp] = [
  'header_after_word',
  8.5,
  /^\S{0,64}[\r\n]{1,4}(?:bcc|cc|to|from|reply-to|subject|content-type|mime-version)[ \t]{0,4}:[ \t]{0,4}\S/i,
]

/** Whether a line end must have been put there by hand: the field has but one line, or percent-encoding that its message does not need. */
function isOneLine(layers: readonly Layer[], place: Place): boolean {
  if (place === 'query' || place === 'path' || place === 'header' || place === 'cookie') return true
  return layers.filter((layer) => layer === 'percent').length > (place === 'form' ? 1 : 0)
}

/** Line ends in what becomes a header: another header, or another response (CWE-113). */
export const crlf: PayloadCheck = {
  class: 'crlf',
  side: 'request',
  literals: ['\n'],
  // Texts have lines; addresses, names and headers have not.
  check: ({ text }, { place }) =>
    firstOf(
      text,
      'crlf',
      place === 'text' ||
        place === 'form' ||
        place === 'multipart' ||
        place === 'json' ||
        place === 'xml' ||
        place === 'graphql'
        ? IN_TEXTS
        : IN_VALUES,
    ),
}

const SPLIT: readonly (readonly [string, number, RegExp])[] = [
  ['response', 12, /[\r\n]{1,4}HTTP\/[12](?:\.\d)?\s{1,4}\d{3}/],
  ['request', 11, /[\r\n]{1,4}(?:GET|POST|PUT|HEAD|DELETE)\s{1,4}\/\S{0,128}\s{1,4}HTTP\/1/],
]
const IN_VALUES: readonly (readonly [string, number, RegExp])[] = [
  [
    'header',
    11,
    /[\r\n\u560d\u560a]\s?(?:set-cookie|location|content-(?:type|length|disposition)|x-[a-z-]{1,32}|access-control-[a-z-]{1,32}|refresh|link|host|transfer-encoding)\s{0,2}:/i,
  ],
  ...SPLIT,
  ['log', 6, /[\r\n]{1,4}(?:\[?\d{4}-\d\d-\d\d|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3} - )/],
]
/** After no more than a short word; and only headers that are no words of a list. */
const IN_TEXTS: readonly (readonly [string, number, RegExp])[] = [
  [
    'header',
    9,
    /^[^\s]{0,64}[\r\n\u560d\u560a]{1,4}(?:set-cookie:\s?[\w.-]{1,64}=|location:\s?(?:https?:)?\/\/|content-(?:type|length|disposition):\s?[\w/]|x-[a-z-]{1,32}:\s?\w|access-control-[a-z-]{1,32}:|refresh:\s?\d|link:\s?<|transfer-encoding:\s?chunked)/i,
  ],
  ...SPLIT,
]
