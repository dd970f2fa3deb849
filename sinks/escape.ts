/**
 * Makes text from traffic safe for the medium it is shown on. What an attacker sends must neither move a cursor, nor
 * reorder a line, nor hide in it: it is shown as what it is.
 *
 * Every output for people goes through one of these, and one hostile corpus (test/hostile-text.ts) goes through every output.
 */

/**
 * What a terminal obeys or does not show: control characters (C0, DEL, C1), format characters (bidi overrides and
 * isolates, zero-width, soft hyphen, byte-order mark, tags), lone surrogates, line separators, private use, fillers
 * without a glyph, variation selectors of the supplement, and combining marks piled higher than any script needs.
 */
const UNSHOWABLE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]|\u034f|\u17b4|\u17b5|[\u{e0100}-\u{e01ef}]|\p{M}{4,}/gu

/** The same without piled marks and private use, which are harmless in JSON, beyond what JSON.stringify escapes itself. */
const UNSHOWABLE_IN_JSON = /[\u007f-\u009f\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Most text is plain: this test is cheap and skips the property classes. */
const PLAIN = /^[\x20-\x7e]*$/

/** One line for a terminal: control characters as `\xNN`, what is invisible or reorders text as `\u{NNNN}`. */
export function escapeTerminal(text: string): string {
  return PLAIN.test(text) ? text : text.replace(UNSHOWABLE, visible)
}

/** JSON text for a terminal: the same characters as JSON escapes, so it stays the same JSON. */
export function escapeJson(json: string): string {
  return PLAIN.test(json) ? json : json.replace(UNSHOWABLE_IN_JSON, jsonEscape)
}

function visible(match: string): string {
  let shown = ''
  for (const character of match) {
    const code = character.codePointAt(0)!
    shown +=
      code <= 0x9f
        ? `\\x${code.toString(16).padStart(2, '0')}`
        : `\\u{${code.toString(16).toUpperCase().padStart(4, '0')}}`
  }
  return shown
}

function jsonEscape(match: string): string {
  let shown = ''
  for (let at = 0; at < match.length; at++) {
    shown += `\\u${match.charCodeAt(at).toString(16).padStart(4, '0')}`
  }
  return shown
}
