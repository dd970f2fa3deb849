import {
  add,
  all,
  and,
  andVector,
  anyBit,
  bitmask,
  block,
  br,
  brIf,
  call,
  ctz,
  eqBytes,
  eqz,
  get,
  geU,
  gtU,
  I32,
  i32,
  leU,
  load8s,
  load8u,
  load16u,
  loadVector,
  loop,
  ltBytes,
  ltS,
  ne,
  orVector,
  set,
  shl,
  shrBytes,
  store32,
  sub,
  swizzle,
  tee,
  V128,
  vector,
  wasmModule,
  xorVector,
} from '../sources/wasm-code.ts'

/** The code of vector-lines.ts: three functions of WebAssembly. */

/** Where `fieldLines` finds its tables and leaves what it found, in the first page of its memory. */
export const FOUND_AT = 0
export const FIRST_AT = 0x8000
export const NEXT_AT = 0x8400
export const MASKS_AT = 0x8440
export const NAMES_AT = 0x8480
export const NAME_BYTES = 32
/**
 * Words per line that was noted: where it begins, where its name and its value end, and which known name it is, -1 for none.
 * The first ones of all tell how many lines there were, noted or not, and where they end.
 */
export const FOUND_WORDS = 4

const SP = 0x20
const CR_LF = 0x0a0d
const COLON_SP = 0x203a

/** RFC 9110 §5.6.2 tchar, as bits of the high half of a byte, by its low half. */
const TOKENS = new Uint8Array(16)
for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  const code = c.charCodeAt(0)
  TOKENS[code & 15]! |= 1 << (code >> 4)
}

/** Marks in the vector `v` the controls (HTAB too), DEL, and what is no ASCII: as signed bytes these are the negative ones. */
const notPlain = (v: number) => [...get(v), ...all(SP), ...ltBytes, ...get(v), ...all(0x7f), ...eqBytes, ...orVector]

/** Marks what is no tchar: a byte is one when the bit of its high half is set in the entry of its low half. */
const notToken = (v: number) => [
  ...call(...vector((at) => TOKENS[at]!), ...get(v), ...all(15), ...andVector, ...swizzle),
  ...call(...vector((at) => (at < 8 ? 1 << at : 0)), ...get(v), ...i32(4), ...shrBytes, ...swizzle),
  ...andVector,
  ...all(0),
  ...eqBytes,
]

/** Moves `at` to the first byte that is marked; leaves `outer` blocks when there is none before `end`. */
const seek = (marked: (v: number) => number[], at: number, end: number, v: number, mask: number, outer: number) =>
  block(
    loop(
      get(at),
      loadVector(0),
      set(v),
      marked(v),
      bitmask,
      tee(mask),
      brIf(1),
      get(at),
      i32(16),
      add,
      tee(at),
      get(end),
      call(0x49), // i32.lt_u
      brIf(0),
      br(outer + 2),
    ),
  ).concat(get(at), get(mask), ctz, add, set(at))

const isSpace = (v: number) => [...get(v), ...all(SP), ...eqBytes]

/** (at, end) -> the first byte that is marked, or a place from `end` on. */
const first = (marked: (v: number) => number[]) => {
  const [at, end, v, mask] = [0, 1, 2, 3]
  return [...block(seek(marked, at, end, v, mask, 0)), ...get(at)]
}

/**
 * (at, end, longest, room, last) -> how many lines were noted, of at most `room` lines `Name: value` CR LF that stand one after the
 * other from `at` on: the name a token, the value plain text of at most `longest` bytes that neither begins nor ends with a blank.
 * Those are noted whose names are among the known ones up to `last`; of -1, all.
 */
const fieldLines = () => {
  const [at, end, longest, room, last, out, start, name, known, lines, v, w, mask] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
  ]
  const leave = 1
  return [
    ...get(at),
    ...set(start),
    ...block(
      loop(
        seek(notToken, at, end, v, mask, leave),
        // At least one byte of a name, then a colon and a space.
        [...get(at), ...tee(name), ...get(start), ...call(0x46), ...brIf(leave)],
        [...get(name), ...i32(2), ...add, ...tee(at), ...get(end), ...geU, ...brIf(leave)],
        [...get(name), ...load16u(0), ...i32(COLON_SP), ...ne, ...brIf(leave)],
        [...get(at), ...load8u(0), ...i32(SP), ...leU, ...brIf(leave)],
        seek(notPlain, at, end, v, mask, leave),
        [...get(at), ...i32(1), ...add, ...get(end), ...geU, ...brIf(leave)],
        [...get(at), ...load16u(0), ...i32(CR_LF), ...ne, ...brIf(leave)],
        [...get(at), ...i32(1), ...sub, ...load8u(0), ...i32(SP), ...leU, ...brIf(leave)],
        [...get(at), ...get(name), ...sub, ...i32(2), ...sub, ...get(longest), ...gtU, ...brIf(leave)],
        // Which known name it is: those of its length and first letter are compared, in lower case, when one of them is asked for.
        [...i32(-1), ...set(known)],
        block(
          [...get(name), ...get(start), ...sub, ...tee(mask), ...i32(NAME_BYTES), ...geU, ...brIf(0)],
          [...get(mask), ...i32(5), ...shl, ...get(start), ...load8u(0), ...i32(31), ...and, ...add],
          [...load8s(FIRST_AT), ...tee(known), ...i32(0), ...ltS, ...brIf(0)],
          [...get(known), ...get(last), ...gtU, ...brIf(0)],
          [...i32(NAME_BYTES), ...get(mask), ...sub, ...set(mask)],
          [...get(start), ...loadVector(0), ...all(SP), ...orVector, ...get(mask), ...loadVector(MASKS_AT)],
          [...andVector, ...set(v)],
          [...get(start), ...loadVector(16), ...all(SP), ...orVector, ...get(mask), ...loadVector(MASKS_AT + 16)],
          [...andVector, ...set(w)],
          loop(
            [...get(known), ...i32(5), ...shl, ...tee(mask), ...loadVector(NAMES_AT), ...get(v), ...xorVector],
            [...get(mask), ...loadVector(NAMES_AT + 16), ...get(w), ...xorVector, ...orVector, ...anyBit],
            [...eqz, ...brIf(1)],
            [...get(known), ...load8s(NEXT_AT), ...tee(known), ...i32(0), ...call(0x4e), ...brIf(0)],
          ),
        ),
        block(
          [...get(known), ...get(last), ...gtU, ...brIf(0)],
          [...get(out), ...i32(4 * FOUND_WORDS), ...add, ...tee(out)],
          [...get(start), ...store32(FOUND_AT)],
          [...get(out), ...get(name), ...store32(FOUND_AT + 4)],
          [...get(out), ...get(at), ...store32(FOUND_AT + 8)],
          [...get(out), ...get(known), ...store32(FOUND_AT + 12)],
        ),
        [...get(at), ...i32(2), ...add, ...tee(at), ...set(start)],
        [...get(lines), ...i32(1), ...add, ...set(lines)],
        [...get(room), ...i32(1), ...sub, ...tee(room), ...brIf(0)],
      ),
    ),
    ...i32(0),
    ...get(lines),
    ...store32(FOUND_AT),
    ...i32(0),
    ...get(start),
    ...store32(FOUND_AT + 4),
    ...get(out),
    ...i32(4 * FOUND_WORDS),
    0x6e, // i32.div_u
  ]
}

/** A module that imports `m.memory` and exports `plainEnd`, `spaceAt` and `fieldLines`. */
export function vectorModule(): Uint8Array {
  const seeking = [
    [1, V128],
    [1, I32],
  ] as const
  return wasmModule([
    { name: 'plainEnd', takes: 2, locals: seeking, code: first(notPlain) },
    { name: 'spaceAt', takes: 2, locals: seeking, code: first(isSpace) },
    {
      name: 'fieldLines',
      takes: 5,
      locals: [
        [5, I32],
        [2, V128],
        [1, I32],
      ],
      code: fieldLines(),
    },
  ])
}
