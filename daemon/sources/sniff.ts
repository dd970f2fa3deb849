import type { ByteWindow } from './byte-window.ts'
import { isPcapMagic } from './pcap-reader.ts'

export type InputType = 'pcap' | 'pcapng' | 'gzip' | 'zstd' | 'native' | 'har' | 'gor' | 'empty' | 'unknown'

/** Tells what an input is by its first bytes, whatever it is called. Consumes nothing but a byte order mark. */
export async function sniff(window: ByteWindow): Promise<InputType> {
  while (window.available < 4 && !window.ended) await window.fill()
  if (window.available === 0) return 'empty'
  if (window.available >= 4) {
    const magic = window.buffer.readUInt32LE(window.start)
    if (isPcapMagic(magic)) return 'pcap'
    if (magic === PCAPNG) return 'pcapng'
    if (magic === ZSTD || magic >>> 4 === ZSTD_SKIPPABLE >>> 4) return 'zstd'
    if (window.buffer[window.start] === 0x1f && window.buffer[window.start + 1] === 0x8b) return 'gzip'
  }
  return await sniffText(window)
}

async function sniffText(window: ByteWindow): Promise<InputType> {
  if (window.buffer.subarray(window.start, window.end).indexOf(BYTE_ORDER_MARK) === 0) window.start += 3
  for (let passed = 0; passed < MAX_BLANKS; passed++) {
    while (passed >= window.available && !window.ended) await window.fill()
    if (passed >= window.available) return 'empty'
    const byte = window.buffer[window.start + passed]!
    // A line may be a batch of records.
    if (byte === OPEN_BRACKET) return 'native'
    if (byte === OPEN_BRACE) return (await opensHar(window, passed)) ? 'har' : 'native'
    if (passed === 0 && (await opensGor(window))) return 'gor'
    if (byte !== SPACE && byte !== TAB && byte !== CARRIAGE_RETURN && byte !== LINE_FEED) return 'unknown'
  }
  return 'unknown'
}

/** A HAR file is one object whose first member is `log`. */
async function opensHar(window: ByteWindow, passed: number): Promise<boolean> {
  while (window.available < passed + HAR_HEAD && !window.ended) await window.fill()
  const from = window.start + passed
  const head = window.buffer.toString('latin1', from, Math.min(window.end, from + HAR_HEAD))
  return /^\{\s{0,40}"log"\s{0,10}:/.test(head)
}

/** A file of GoReplay begins with the head of its first record: kind, id, nanoseconds. */
async function opensGor(window: ByteWindow): Promise<boolean> {
  while (window.available < GOR_HEAD && !window.ended) await window.fill()
  const head = window.buffer.toString('latin1', window.start, Math.min(window.end, window.start + GOR_HEAD))
  return /^[123] [0-9A-Za-z-]{1,64} \d{13,19}[ \r\n]/.test(head)
}

const PCAPNG = 0x0a0d0d0a
const ZSTD = 0xfd2fb528
/** A frame with no data in it, of sixteen kinds; pzstd writes one first. */
const ZSTD_SKIPPABLE = 0x184d2a50
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
const SPACE = 0x20
const TAB = 0x09
const CARRIAGE_RETURN = 0x0d
const LINE_FEED = 0x0a
/** A file of nothing but blanks is no capture; stop looking well before its end. */
const MAX_BLANKS = 64 * 1024
const HAR_HEAD = 64
const GOR_HEAD = 96
