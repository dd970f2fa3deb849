/** What of a terminal is needed to draw on it. */
export interface TerminalOut {
  write(text: string): unknown
}

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

/**
 * The alternate screen of a terminal (xterm, `smcup`), drawn line by line: only lines that changed are written. The cursor is hidden and
 * long lines are not wrapped, so a glyph that is wider than it counts costs the end of its own line only. `leave` puts all of that back.
 */
export class Screen {
  readonly #out: TerminalOut
  #lines: readonly string[] = []
  #entered = false

  constructor(out: TerminalOut) {
    this.#out = out
  }

  enter(): void {
    this.#entered = true
    this.#lines = []
    this.#out.write(ENTER)
  }

  draw(lines: readonly string[]): void {
    if (!this.#entered) return
    let text = ''
    for (let row = 0; row < Math.max(lines.length, this.#lines.length); row++) {
      const line = lines[row] ?? ''
      if (line !== this.#lines[row]) text += `\x1b[${row + 1};1H${line}\x1b[K`
    }
    this.#lines = lines
    if (text !== '') this.#out.write(text)
  }

  /** The terminal has another size: nothing on it can be relied on. */
  resized(): void {
    if (!this.#entered) return
    this.#lines = []
    this.#out.write('\x1b[2J')
  }

  /** More than once is once. */
  leave(): void {
    if (!this.#entered) return
    this.#entered = false
    this.#out.write(LEAVE)
  }
}
