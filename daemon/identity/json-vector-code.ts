import {
  add,
  all,
  and,
  andVector,
  anyBit,
  belowBytes,
  bitmask,
  block,
  br,
  brIf,
  choose,
  ctz,
  eq,
  eqBytes,
  eqz,
  get,
  geU,
  gtU,
  I32,
  i32,
  leave,
  load8u,
  load16u,
  loadVector,
  loop,
  ltU,
  mul,
  ne,
  neBytes,
  or,
  orVector,
  popcnt,
  replaceByte,
  select,
  set,
  shl,
  shrBytes,
  shrU,
  store32,
  storeVector,
  sub,
  swizzle,
  tee,
  V128,
  vector,
  wasmModule,
  when,
  whenElse,
  wordAt,
  xor,
  xorVector,
} from '../sources/wasm-code.ts'

/**
 * The code of json-vectors.ts: two functions of WebAssembly over JSON that lies in their memory, sixteen bytes at a time.
 */

/** What `scan` and `escape` leave, as words from address 0 on. */
export const AT = 0
export const START = 1
export const STOP = 2
export const ESCAPED = 3
export const NEXT = 4
export const SLOT = 5
export const WIDE = 6

/** Tables in the first page of the memory. */
export const OUTSIDE_AT = 0x100
export const EXPAND_AT = 0x1000
export const PAIRS_AT = 0x4000
export const KEYS_AT = 0x8000
export const KEY_SLOTS = 512
export const KEY_BYTES = 32
/** By slot, sixteen bits: how long its key is, and what it says. */
export const SAYS_AT = 0xc000
/** As many bytes of ones as of zeros behind them. */
export const MASKS_AT = 0xc400

/** What a byte outside of strings is; what is none of these is part of a number or a bare word. */
export const BARE = 0
export const BLANK = 1
export const LINE_FEED = 2
export const SEPARATOR = 3
export const QUOTED = 4

/** What the next value is by its name: no secret; one if it looks made by a machine; a one-time code if it looks like one. */
export const KEEP = 0
export const OPAQUE = 1
export const CODE = 2

/** Results of `scan`: all is harmless; a string has no end; a name, a string or a bare value asks for a closer look. */
export const HARMLESS = 0
export const CUT = 1
export const NAME = 2
export const STRING = 3
export const WORD = 4

/** Shorter values are no secrets by their looks. */
export const MIN_SECRET = 12
/** Shorter ones are neither JSON in a string nor a URL. */
const MIN_NESTED = 8
/** Blanks that are skipped in search of a colon. */
const MAX_BLANKS = 64

const QUOTE = 0x22
const BACKSLASH = 0x5c
const ALL_SIXTEEN = 0xffff

/** A set of characters of ASCII as bits of the high half of a byte, by its low half. */
function setOf(characters: string): number[] {
  return vector((low) => {
    let byte = 0
    for (const character of characters) {
      const code = character.charCodeAt(0)
      if ((code & 15) === low) byte |= 1 << (code >> 4)
    }
    return byte
  })
}

const DIGITS = '0123456789'
/** What tokens are made of. */
const TOKENS = setOf(`ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz${DIGITS}-_.~+`)
/** What stands in a card number. */
const CARD = setOf(`${DIGITS}- `)
/** JSON within a string, a path, a URL. */
const SUSPECTS = setOf('{/')

const at = 0
const end = 1

/**
 * (at, end, next, seen, response) -> see HARMLESS and what follows it. Reads JSON, or what was meant to be, from `at` to `end`, as
 * redact-json.ts does, as long as names say KEEP or OPAQUE and values look harmless: see json-vectors.ts. `next`: what the name before
 * says; `seen`: 1 when a value stood behind it. Every byte is read a fixed number of times.
 */
function scan(): number[] {
  const [next, seen, response, kind, start, stop, escaped, mask, p, slot, code] = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
  const [tokens, cards, run, limit] = [13, 14, 15, 16]
  const [v, w, low] = [17, 18, 19]
  const noted = [
    [AT, at],
    [START, start],
    [STOP, stop],
    [ESCAPED, escaped],
    [NEXT, next],
    [SLOT, slot],
  ] as const
  const note = noted.flatMap(([word, local]) => [...i32(0), ...get(local), ...store32(4 * word)])
  const leaveWith = (result: number) => [...note, ...i32(result), ...leave]
  const increase = (local: number, by: number) => [...get(local), ...i32(by), ...add, ...set(local)]
  const outside = [...get(at), ...load8u(0), ...load8u(OUTSIDE_AT)]
  const is = (local: number, value: number) => [...get(local), ...i32(value), ...eq]
  /** Whether a token, punctuation or a list may begin at the address on the stack. */
  const pair = (address: number) => [
    ...[...get(address), ...load8u(0), ...i32(127), ...and, ...i32(7), ...shl],
    ...[...get(address), ...load8u(1), ...i32(127), ...and, ...or],
    ...load8u(PAIRS_AT),
  ]
  /** Bits of `v` that are in a set: `low` holds the low halves, `w` the bits of the high ones. */
  const among = (characters: number[]) => [
    ...characters,
    ...[...get(low), ...swizzle, ...get(w), ...andVector, ...all(0), ...neBytes, ...bitmask],
    ...[...get(limit), ...and],
  ]
  /** Leaves those bits of `run` from which on as many bits are set as the steps come to, and one. */
  const runs = (steps: readonly number[]) =>
    steps.flatMap((by) => [...get(run), ...get(run), ...i32(by), ...shrU, ...and, ...set(run)])

  const string = [
    ...[...get(at), ...i32(1), ...add, ...tee(start), ...set(stop), ...i32(0), ...set(escaped)],
    ...loop(
      [...get(stop), ...get(end), ...geU, ...when(leaveWith(CUT))],
      [...get(stop), ...loadVector(0), ...tee(v), ...all(QUOTE), ...eqBytes],
      [...get(v), ...all(BACKSLASH), ...eqBytes, ...orVector, ...bitmask, ...tee(mask), ...eqz],
      when(increase(stop, 16), br(1)),
      [...get(stop), ...get(mask), ...ctz, ...add, ...tee(stop), ...get(end), ...geU, ...when(leaveWith(CUT))],
      [...get(stop), ...load8u(0), ...i32(BACKSLASH), ...eq],
      when(i32(1), set(escaped), increase(stop, 2), br(1)),
    ),
    ...[...get(stop), ...i32(1), ...add, ...set(at)],
  ]
  const bare = [
    ...[...get(kind)],
    ...when(
      [...get(kind), ...i32(SEPARATOR), ...geU, ...is(kind, LINE_FEED), ...get(seen), ...and, ...or],
      when(i32(KEEP), set(next), i32(0), set(seen)),
      increase(at, 1),
      br(2),
    ),
    ...[...get(at), ...set(start)],
    ...loop([...get(at), ...i32(1), ...add, ...tee(at), ...get(end), ...ltU], when([...outside, ...eqz, ...brIf(1)])),
    ...[...get(at), ...set(stop), ...i32(0), ...set(escaped)],
  ]
  /** Leaves in `code` whether a colon or equals sign is the next byte that is no blank. */
  const colon = [
    ...[...get(at), ...set(p), ...get(at), ...i32(MAX_BLANKS), ...add, ...set(limit), ...i32(0), ...set(code)],
    ...block(
      loop(
        [...get(p), ...get(end), ...geU, ...brIf(1), ...get(p), ...get(limit), ...geU, ...brIf(1)],
        [...get(p), ...load8u(0), ...tee(mask), ...i32(0x3a), ...eq, ...is(mask, 0x3d), ...or],
        [...tee(code), ...brIf(1)],
        [...get(mask), ...i32(0x20), ...gtU, ...brIf(1)],
        [...increase(p, 1), ...br(0)],
      ),
    ),
  ]
  /** A name of at most KEY_BYTES is known by its bytes. */
  const name = [
    ...[...i32(0), ...set(seen), ...i32(-1), ...set(slot), ...get(stop), ...get(start), ...sub, ...set(mask)],
    ...block(
      [...get(mask), ...i32(1), ...sub, ...i32(KEY_BYTES), ...geU, ...brIf(0)],
      [...i32(KEY_BYTES), ...get(mask), ...sub, ...set(p)],
      [...get(start), ...loadVector(0), ...get(p), ...loadVector(MASKS_AT), ...andVector, ...set(v)],
      [...get(start), ...loadVector(16), ...get(p), ...loadVector(MASKS_AT + 16), ...andVector, ...set(w)],
      [...get(v), ...wordAt(0), ...i32(0x9e3779b1 | 0), ...mul, ...get(v), ...wordAt(1), ...i32(0x85ebca6b | 0)],
      [...mul, ...add, ...get(v), ...wordAt(2), ...i32(0xc2b2ae35 | 0), ...mul, ...add, ...get(v), ...wordAt(3)],
      [...i32(0x27d4eb2f), ...mul, ...add, ...get(mask), ...add, ...tee(slot), ...get(slot), ...i32(15), ...shrU],
      [...xor, ...i32(KEY_SLOTS - 1), ...and, ...tee(slot), ...i32(1), ...shl, ...load16u(SAYS_AT), ...tee(code)],
      [...i32(8), ...shrU, ...get(mask), ...ne, ...brIf(0)],
      [...get(slot), ...i32(5), ...shl, ...tee(p), ...loadVector(KEYS_AT), ...get(v), ...xorVector],
      [...get(p), ...loadVector(KEYS_AT + 16), ...get(w), ...xorVector, ...orVector, ...anyBit, ...brIf(0)],
      // In an answer, a code is an error number unless it looks like a machine made it.
      [...get(code), ...i32(255), ...and, ...tee(next), ...get(next), ...i32(CODE), ...eq, ...get(response), ...and],
      [...sub, ...set(next), ...br(2)],
    ),
    ...leaveWith(NAME),
  ]
  /** Moves the sixteen bits on the stack into a local that has those of the sixteen bytes before them below. */
  const follow = (local: number) => [...i32(16), ...shl, ...get(local), ...i32(16), ...shrU, ...or, ...set(local)]
  /** Looks at the bytes of a value: `tokens` and `cards` tell of those from `p` on, and of the sixteen before. */
  const value = [
    ...[...pair(start), ...when(leaveWith(STRING))],
    ...[...get(start), ...set(p), ...i32(0), ...tee(tokens), ...set(cards)],
    ...loop(
      [...i32(ALL_SIXTEEN), ...i32(1), ...get(stop), ...get(p), ...sub, ...tee(mask), ...shl, ...i32(1), ...sub],
      [...get(mask), ...i32(16), ...geU, ...select, ...set(limit)],
      [...get(p), ...loadVector(0), ...tee(v), ...all(15), ...andVector, ...set(low)],
      [...vector((high) => (high < 8 ? 1 << high : 0)), ...get(v), ...i32(4), ...shrBytes, ...swizzle, ...set(w)],
      [...among(SUSPECTS), ...when(leaveWith(STRING))],
      // `eyJ`
      [...get(v), ...all(0x4a), ...eqBytes, ...bitmask, ...get(limit), ...and, ...set(mask)],
      loop(
        get(mask),
        when(
          [...get(p), ...get(mask), ...ctz, ...add, ...tee(code), ...get(start), ...i32(2), ...add, ...geU],
          [...get(code), ...i32(2), ...sub, ...load16u(0), ...i32(0x7965), ...eq, ...and, ...when(leaveWith(STRING))],
          [...get(mask), ...get(mask), ...i32(1), ...sub, ...and, ...set(mask), ...br(1)],
        ),
      ),
      // Thirteen digits, with blanks and dashes.
      [...among(CARD), ...follow(cards), ...get(cards), ...set(run), ...runs([1, 2, 4, 5])],
      [...get(run), ...when(leaveWith(STRING))],
      // Where a run of so many begins that it may be a token. One that began with the sixteen before was seen with those.
      [...among(TOKENS), ...follow(tokens), ...get(tokens), ...set(run), ...runs([1, 2, 4, 4])],
      [...get(tokens), ...i32(1), ...shl, ...i32(1), ...or, ...i32(-1), ...xor, ...get(run), ...and, ...set(run)],
      loop(
        get(run),
        when(
          [...get(p), ...i32(16), ...sub, ...get(run), ...ctz, ...add, ...set(code)],
          [...pair(code), ...when(leaveWith(STRING))],
          [...get(run), ...get(run), ...i32(1), ...sub, ...and, ...set(run), ...br(1)],
        ),
      ),
      [...get(p), ...i32(16), ...add, ...tee(p), ...get(stop), ...ltU, ...brIf(0)],
    ),
  ]
  return [
    ...loop(
      [...get(at), ...get(end), ...geU, ...when(leaveWith(HARMLESS))],
      [...outside, ...tee(kind), ...i32(QUOTED), ...eq],
      whenElse(string, bare),
      colon,
      [...get(code), ...when(name)],
      [...i32(1), ...set(seen)],
      [...get(kind), ...eqz],
      when(
        [...get(next), ...get(at), ...get(start), ...sub, ...i32(MIN_SECRET), ...geU, ...or, ...when(leaveWith(WORD))],
        br(1),
      ),
      [...get(stop), ...get(start), ...sub, ...set(mask)],
      [...get(next), ...i32(CODE), ...ne, ...get(escaped), ...eqz, ...and, ...get(mask), ...i32(MIN_NESTED), ...ltU],
      [...and, ...brIf(0)],
      [...get(escaped), ...is(next, CODE), ...or, ...is(next, OPAQUE), ...get(mask), ...i32(MIN_SECRET), ...geU],
      [...and, ...or, ...when(leaveWith(STRING))],
      value,
      br(0),
    ),
    ...i32(HARMLESS),
  ]
}

/**
 * (at, end, to) -> where the text ends that was written from `to` on: [at, end) as it stands inside of a JSON string. Ends early at a control
 * that JSON has no letter for: AT tells where. WIDE: there was something beside ASCII.
 */
function escaping(): number[] {
  const [to, count, mask, bad, v, letters, controls, seen] = [2, 3, 4, 5, 6, 7, 8, 9]
  const letter: Readonly<Record<number, string>> = { 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r' }
  /** Leaves the smaller of what is left and `most` in `count`. */
  const atMost = (most: number) => [
    ...[...get(end), ...get(at), ...sub, ...tee(count), ...i32(most)],
    ...[...get(count), ...i32(most), ...ltU, ...select, ...set(count)],
  ]
  const advance = [
    ...[...get(at), ...get(count), ...add, ...set(at)],
    ...[...get(to), ...get(count), ...add, ...get(mask), ...popcnt, ...add, ...set(to)],
  ]
  const ones = [...i32(1), ...get(count), ...shl, ...i32(1), ...sub]
  return [
    ...block(
      loop(
        [...get(at), ...get(end), ...geU, ...brIf(1)],
        [...get(at), ...loadVector(0), ...tee(v), ...get(seen), ...orVector, ...set(seen)],
        [...get(v), ...all(0x20), ...belowBytes, ...tee(controls), ...get(v), ...all(QUOTE), ...eqBytes, ...orVector],
        [...get(v), ...all(BACKSLASH), ...eqBytes, ...orVector, ...bitmask, ...tee(mask), ...eqz],
        when(get(to), get(v), storeVector(0), atMost(16), advance, br(1)),
        atMost(8),
        [...vector((code) => letter[code]?.charCodeAt(0) ?? 0), ...get(v), ...swizzle, ...tee(letters)],
        [...all(0), ...eqBytes, ...get(controls), ...andVector, ...bitmask, ...ones, ...and, ...tee(bad)],
        when(get(bad), ctz, set(count)),
        // The last byte, which the expansion does not need, is the backslash that it takes in between.
        [...get(to), ...get(letters), ...get(v), ...get(controls), ...choose, ...i32(BACKSLASH), ...replaceByte(15)],
        [...get(mask), ...ones, ...and, ...tee(mask), ...i32(4), ...shl, ...loadVector(EXPAND_AT), ...swizzle],
        [...storeVector(0), ...advance],
        [...get(bad), ...eqz, ...brIf(0)],
      ),
    ),
    ...[...i32(0), ...get(at), ...store32(4 * AT)],
    ...[...i32(0), ...get(seen), ...bitmask, ...store32(4 * WIDE)],
    ...get(to),
  ]
}

/** A module that imports `m.memory` and exports `scan` and `escape`. */
export function jsonModule(): Uint8Array {
  return wasmModule([
    {
      name: 'scan',
      takes: 5,
      locals: [
        [12, I32],
        [3, V128],
      ],
      code: scan(),
    },
    {
      name: 'escape',
      takes: 3,
      locals: [
        [3, I32],
        [4, V128],
      ],
      code: escaping(),
    },
  ])
}
