/**
 * Code of WebAssembly written down instruction by instruction and put together here, since functions of a few hundred bytes are worth no
 * tool chain. An instruction, and what is made of several, is a list of bytes; operands stand before their operator.
 * https://webassembly.github.io/spec/core/binary/
 */

export const I32 = 0x7f
export const V128 = 0x7b
export const VOID = 0x40

export const call = (...bytes: number[]) => bytes
export const get = (local: number) => call(0x20, local)
export const set = (local: number) => call(0x21, local)
export const tee = (local: number) => call(0x22, local)
export const i32 = (value: number) => call(0x41, ...signed(value))
export const leave = call(0x0f)
export const select = call(0x1b)
export const block = (...body: number[][]) => [0x02, VOID, ...body.flat(), 0x0b]
export const loop = (...body: number[][]) => [0x03, VOID, ...body.flat(), 0x0b]
export const when = (...body: number[][]) => [0x04, VOID, ...body.flat(), 0x0b]
export const whenElse = (body: number[], other: number[]) => [0x04, VOID, ...body, 0x05, ...other, 0x0b]
export const br = (depth: number) => call(0x0c, depth)
export const brIf = (depth: number) => call(0x0d, depth)
export const eqz = call(0x45)
export const eq = call(0x46)
export const ne = call(0x47)
export const ltS = call(0x48)
export const ltU = call(0x49)
export const leU = call(0x4d)
export const gtU = call(0x4b)
export const geU = call(0x4f)
export const ctz = call(0x68)
export const popcnt = call(0x69)
export const add = call(0x6a)
export const sub = call(0x6b)
export const mul = call(0x6c)
export const and = call(0x71)
export const or = call(0x72)
export const xor = call(0x73)
export const shl = call(0x74)
export const shrU = call(0x76)
export const load8s = (offset: number) => call(0x2c, 0, ...unsigned(offset))
export const load8u = (offset: number) => call(0x2d, 0, ...unsigned(offset))
export const load16u = (offset: number) => call(0x2f, 0, ...unsigned(offset))
export const store32 = (offset: number) => call(0x36, 0, ...unsigned(offset))
export const loadVector = (offset: number) => call(0xfd, 0x00, 0, ...unsigned(offset))
export const storeVector = (offset: number) => call(0xfd, 0x0b, 0, ...unsigned(offset))
export const vector = (byte: (at: number) => number) =>
  call(0xfd, 0x0c, ...Array.from({ length: 16 }, (_, at) => byte(at)))
export const all = (byte: number) => vector(() => byte)
export const swizzle = call(0xfd, 0x0e)
export const replaceByte = (lane: number) => call(0xfd, 0x17, lane)
export const wordAt = (lane: number) => call(0xfd, 0x1b, lane)
export const eqBytes = call(0xfd, 0x23)
export const neBytes = call(0xfd, 0x24)
export const ltBytes = call(0xfd, 0x25)
export const belowBytes = call(0xfd, 0x26)
export const andVector = call(0xfd, 0x4e)
export const orVector = call(0xfd, 0x50)
export const xorVector = call(0xfd, 0x51)
export const choose = call(0xfd, 0x52)
export const anyBit = call(0xfd, 0x53)
export const bitmask = call(0xfd, 0x64)
export const shrBytes = call(0xfd, 0x6d)

/** A function: what it takes and what it uses, by type, the result always an I32; its code without the final `end`. */
export interface WasmFunction {
  readonly name: string
  /** Numbers it takes. */
  readonly takes: number
  /** Locals behind these: of each group how many, and of which type. */
  readonly locals: readonly (readonly [count: number, type: number])[]
  readonly code: readonly number[]
}

/** A module that imports `m.memory` and exports these functions. */
export function wasmModule(functions: readonly WasmFunction[]): Uint8Array {
  const text = (name: string) => [name.length, ...Buffer.from(name)]
  const section = (id: number, content: number[]) => [id, ...unsigned(content.length), ...content]
  const list = (items: readonly (readonly number[])[]) => [...unsigned(items.length), ...items.flat()]
  const body = ({ locals, code }: WasmFunction) => {
    const content = [...list(locals.map(([count, type]) => [...unsigned(count), type])), ...code, 0x0b]
    return [...unsigned(content.length), ...content]
  }
  const numbers = (count: number) => list(Array.from({ length: count }, () => [I32]))
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(functions.map(({ takes }) => [0x60, ...numbers(takes), ...numbers(1)]))),
    ...section(2, [1, ...text('m'), ...text('memory'), 0x02, 0x00, 1]),
    ...section(3, list(functions.map((_, index) => unsigned(index)))),
    ...section(7, list(functions.map(({ name }, index) => [...text(name), 0, ...unsigned(index)]))),
    ...section(10, list(functions.map(body))),
  ])
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: number): number[] {
  const rest = value >> 7
  const ended = (rest === 0 && (value & 0x40) === 0) || (rest === -1 && (value & 0x40) !== 0)
  return ended ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(rest)]
}
