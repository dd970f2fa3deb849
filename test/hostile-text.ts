/**
 * Text an attacker may put into a path, header, user name or host so that it does something where it is shown. Every output
 * for people is run over all of it; `hasUnshowable` says whether an output still carries a character that must not reach a terminal.
 */
export const HOSTILE_TEXT: readonly { readonly name: string; readonly text: string }[] = [
  { name: 'ANSI colour', text: '\x1b[31mred\x1b[0m' },
  { name: 'clear screen and home', text: '\x1b[2J\x1b[H' },
  { name: 'window title', text: '\x1b]0;owned\x07' },
  { name: 'OSC 8 link', text: '\x1b]8;;http://evil.test\x1b\\click\x1b]8;;\x1b\\' },
  { name: 'OSC 52 clipboard write', text: '\x1b]52;c;cm0gLXJmIC8=\x07' },
  { name: 'device status query', text: '\x1b[6n' },
  { name: 'C1 CSI', text: '\u009b31mred' },
  { name: 'C1 OSC and ST', text: '\u009d0;owned\u009c' },
  { name: 'carriage return overwrites the line', text: 'GET /evil\rGET /good' },
  { name: 'newline forges a second line', text: 'a\n0:21 HIGH forged incident' },
  { name: 'backspaces', text: 'evil\b\b\b\bgood' },
  { name: 'tab, vertical tab, form feed, NUL, DEL', text: 'a\tb\vc\fd\0e\x7ff' },
  { name: 'bidi override', text: 'file\u202egpj.exe' },
  { name: 'bidi embedding and pop', text: 'a\u202ab\u202bc\u202cd\u202d' },
  { name: 'bidi isolates', text: 'a\u2066b\u2067c\u2068d\u2069e' },
  { name: 'bidi marks', text: 'a\u200eb\u200fc\u061cd' },
  { name: 'zero-width', text: 'adm\u200bin\u200c\u200d\u2060\ufeff' },
  { name: 'soft hyphen and fillers', text: 'pass\u00adword\u034f\u115f\u3164\uffa0' },
  { name: 'line and paragraph separators', text: 'a\u2028b\u2029c' },
  { name: 'tag characters', text: 'a\u{e0041}\u{e0042}\u{e007f}' },
  { name: 'variation selectors of the supplement', text: 'a\u{e0100}\u{e01ef}' },
  { name: 'lone surrogates', text: 'a\ud800b\udc00c' },
  { name: 'piled combining marks', text: `Z${'\u0310\u0330\u0489\u0311'.repeat(8)}algo` },
  { name: 'private use', text: 'a\ue0b0b\u{f0000}c' },
  { name: 'script tag', text: '<script>alert(1)</script>' },
  { name: 'attribute break-out', text: '"\' onmouseover=alert(1) x=`' },
  { name: 'entity', text: '&lt;img src=x onerror=alert(1)&gt;' },
  { name: 'Markdown link and image', text: '[click](http://evil.test) ![x](http://evil.test/p.png)' },
  { name: 'Markdown emphasis, code, table, heading', text: '# **bold** _it_ `code` | a | b | ~~gone~~' },
  { name: 'chat link and mention', text: '<!channel> <http://evil.test|good.test> @here' },
  { name: 'automatic link', text: 'http://evil.test www.evil.test me@evil.test' },
  { name: 'formula', text: '=HYPERLINK("http://evil.test","x")' },
  { name: 'shell', text: '$(reboot); `id` && rm -rf / | sh' },
  { name: 'format directives', text: '%s %d %n %{x}' },
  { name: 'object prototype names', text: '__proto__ constructor toString' },
  { name: 'very long', text: 'A'.repeat(5000) },
]

/** Whether text, apart from the newlines between lines and the colours we write ourselves, would act on a terminal. */
export function hasUnshowable(output: string): boolean {
  return /[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ud800-\udfff\u{e0000}-\u{e007f}]|[\u034f\u{e0100}-\u{e01ef}]/u.test(
    output,
  )
}
