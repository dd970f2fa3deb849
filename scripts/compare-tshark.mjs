#!/usr/bin/env node
// Reads a capture file with `offpath replay` and with tshark and compares the request/response pairs: addresses, method,
// target and status of each. `node scripts/compare-tshark.mjs FILE`; needs tshark and, before, `npm run build`.
// tshark links requests and responses in two passes; it is told which ports carry HTTP and to put segments in order.
// Exit: 0 every pair of tshark is there, 1 not, 2 usage. Pairs that only offpath has are listed and no failure: tshark 4.0
// loses pairs after 100 Continue and 103, in pipelines and around lost segments.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const SHOWN = 10
const PACKET_FIELDS = {
  'frame.number': 'frame',
  'tcp.stream': 'stream',
  'ip.src': 'src',
  'ip.dst': 'dst',
  'ipv6.src': 'src',
  'ipv6.dst': 'dst',
  'tcp.srcport': 'srcPort',
  'tcp.dstport': 'dstPort',
}

const [file, ...rest] = process.argv.slice(2)
if (file === undefined || file.startsWith('-') || rest.length > 0) {
  fail('usage: node scripts/compare-tshark.mjs FILE', 2)
}
if (!existsSync(file)) fail(`there is no ${file}`)
const program = join(import.meta.dirname, '..', 'dist', 'offpath.js')
if (!existsSync(program)) fail('there is no dist/offpath.js: npm run build')

const ours = await readWithOffpath(file)
const theirs = await readWithTshark(file, ours.ports)
const { onlyOurs, onlyTheirs } = difference(ours.pairs, theirs.pairs)
const both = ours.pairs.length - onlyOurs.length

const rows = [
  ['', 'tshark', 'offpath'],
  ['pairs', theirs.pairs.length, ours.pairs.length],
  ['requests without response', theirs.requestsOnly, ours.requestsOnly],
  ['responses without request', theirs.responsesOnly, ours.responsesOnly],
]
for (const [name, ...counts] of rows) {
  console.log(`${name.padEnd(26)}${counts.map((count) => String(count).padStart(10)).join('')}`)
}
console.log(`${both} pairs in both, ${onlyTheirs.length} only in tshark, ${onlyOurs.length} only in offpath`)
list('only in tshark', onlyTheirs)
list('only in offpath', onlyOurs)
process.exitCode = onlyTheirs.length === 0 ? 0 : 1

/** A pair as text: `10.1.0.4:51234 10.0.0.5:80 GET /v1/orders?page=2 200`. */
async function readWithOffpath(capture) {
  const pairs = []
  const ports = new Set()
  let requestsOnly = 0
  let responsesOnly = 0
  const args = [program, 'replay', capture, '--emit', 'transactions', '--bodies', 'none']
  for await (const text of lines(process.execPath, args)) {
    const record = JSON.parse(text)
    ports.add(record.server_port)
    if (record.status === null) requestsOnly++
    else if (record.method === null) responsesOnly++
    else {
      const client = `${record.client_ip}:${record.client_port}`
      const server = `${record.server_ip}:${record.server_port}`
      // A CONNECT names an authority and has no path.
      const path = record.path ?? record.host
      const target = record.query === '' ? path : `${path}?${record.query}`
      pairs.push(`${client} ${server} ${record.method} ${target} ${record.status}`)
    }
  }
  return { pairs, ports, requestsOnly, responsesOnly }
}

async function readWithTshark(path, ports) {
  const requests = []
  const responses = []
  for await (const message of tsharkMessages(path, ports)) {
    if (message.method !== undefined) requests.push(message)
    else if (message.status >= 200 || message.status === 101) responses.push(message)
  }
  // Either side may carry the link. Several messages may share a frame; on one connection they answer in order.
  const free = new Map()
  const linked = new Map()
  const append = (map, key, message) => {
    const list = map.get(key)
    if (list === undefined) map.set(key, [message])
    else list.push(message)
  }
  for (const response of responses) {
    append(free, `${response.stream} ${response.frame}`, response)
    if (response.requestIn !== undefined) append(linked, `${response.stream} ${response.requestIn}`, response)
  }
  const used = new Set()
  const pairs = []
  for (const request of requests) {
    const candidates = [
      ...(linked.get(`${request.stream} ${request.frame}`) ?? []),
      ...(free.get(`${request.stream} ${request.responseIn}`) ?? []),
    ]
    const response = candidates.find((candidate) => !used.has(candidate))
    if (response === undefined) continue
    used.add(response)
    pairs.push(`${request.from} ${request.to} ${request.method} ${request.target} ${response.status}`)
  }
  return { pairs, requestsOnly: requests.length - pairs.length, responsesOnly: responses.length - used.size }
}

/** In PDML every message of a frame is an element of its own, so pipelined messages stay apart. */
async function* tsharkMessages(path, ports) {
  const args = ['-2', '-n', '-r', path, '-Y', 'http', '-T', 'pdml', '-J', 'frame ip ipv6 tcp http']
  args.push('-o', 'tcp.reassemble_out_of_order:TRUE')
  for (const port of ports) args.push('-d', `tcp.port==${port},http`)
  let packet = {}
  let message = null
  const complete = (found) => {
    if (found === null || (found.method === undefined && found.status === undefined)) return []
    const { src, dst, srcPort, dstPort, frame, stream } = packet
    return [{ ...found, frame, stream, from: `${src}:${srcPort}`, to: `${dst}:${dstPort}` }]
  }
  for await (const line of lines('tshark', args)) {
    const start = line.indexOf('<')
    if (line.startsWith('<packet>', start)) packet = {}
    else if (line.startsWith('<proto name="', start)) {
      yield* complete(message)
      message = line.startsWith('<proto name="http"', start) ? {} : null
    } else if (line.startsWith('</packet>', start)) {
      yield* complete(message)
      message = null
    } else if (line.startsWith('<field name="', start)) readField(line, start + 13, packet, message)
  }
}

function readField(line, from, packet, message) {
  const name = line.slice(from, line.indexOf('"', from))
  if (message === null) {
    const key = PACKET_FIELDS[name]
    if (key !== undefined) packet[key] = attribute(line, 'show')
    return
  }
  if (name === 'http.request.method') message.method ??= attribute(line, 'show')
  else if (name === 'http.request.uri') message.target ??= target(Buffer.from(attribute(line, 'value'), 'hex'))
  else if (name === 'http.response.code') message.status ??= Number(attribute(line, 'show'))
  else if (name === 'http.request_in') message.requestIn ??= attribute(line, 'show')
  else if (name === 'http.response_in') message.responseIn ??= attribute(line, 'show')
}

function attribute(line, name) {
  const start = line.indexOf(` ${name}="`)
  return start < 0 ? '' : line.slice(start + name.length + 3, line.indexOf('"', start + name.length + 3))
}

/** As offpath writes it: without scheme and authority, without an empty query, bytes that are no UTF-8 as U+0080-U+00FF. */
function target(bytes) {
  let text
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    text = bytes.toString('latin1')
  }
  const absolute = /^https?:\/\/[^/?]*/i.exec(text)
  const path = absolute === null ? text : text.slice(absolute[0].length)
  const rooted = absolute !== null && !path.startsWith('/') ? `/${path}` : path
  return rooted.endsWith('?') ? rooted.slice(0, -1) : rooted
}

/** Multisets. A pair of ours with a pseudonym in it matches any of theirs that is the same around it. */
function difference(ours, theirs) {
  const left = new Map()
  for (const pair of theirs) left.set(pair, (left.get(pair) ?? 0) + 1)
  const unmatched = ours.filter((pair) => {
    const count = left.get(pair) ?? 0
    if (count === 0) return true
    left.set(pair, count - 1)
    return false
  })
  const onlyTheirs = [...left].flatMap(([pair, count]) => Array(count).fill(pair))
  const onlyOurs = unmatched.filter((pair) => {
    const parts = pair.split(/hmac:[0-9a-f]{32}|redacted/)
    const index = parts.length === 1 ? -1 : onlyTheirs.findIndex((candidate) => fits(candidate, parts))
    if (index >= 0) onlyTheirs.splice(index, 1)
    return index < 0
  })
  return { onlyOurs, onlyTheirs }
}

function fits(text, parts) {
  const last = parts.at(-1)
  if (!text.startsWith(parts[0]) || !text.endsWith(last)) return false
  let from = parts[0].length
  for (const part of parts.slice(1, -1)) {
    const at = text.indexOf(part, from)
    if (at < 0) return false
    from = at + part.length
  }
  return from <= text.length - last.length
}

function list(title, pairs) {
  // Targets are text from the wire: nothing of it may move the cursor.
  for (const pair of pairs.slice(0, SHOWN)) {
    console.log(
      `  ${title}: ${pair.replace(/[^\x20-\x7e]/g, (character) => `\\u{${character.codePointAt(0).toString(16)}}`)}`,
    )
  }
  if (pairs.length > SHOWN) console.log(`  ${title}: ${pairs.length - SHOWN} more`)
}

async function* lines(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaint = (complaint + text).slice(-4000)
  })
  const ended = new Promise((resolve) => {
    child.on('error', (error) => fail(error.code === 'ENOENT' ? `${command} is not installed` : error.message))
    child.on('close', resolve)
  })
  yield* createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })
  const code = await ended
  // tshark also fails for a file that is cut off, after having read what came before.
  if (code !== 0 && !complaint.includes('cut short')) fail(`${command}: ${complaint.trim()}`)
}

function fail(message, code = 1) {
  console.error(message)
  process.exit(code)
}
