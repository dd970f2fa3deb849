import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Attack, attacks } from '../../test/payload/attacks.ts'
import { benign, REPORTED } from '../../test/payload/benign/requests.ts'
import type { CorpusRequest, CorpusSet } from '../../test/payload/corpus-request.ts'
import { scan } from '../../test/payload/scan.ts'
import { newScanner, SIGNAL, sampled } from './payloads-score.ts'

const MODULE = '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so'
const RULES = '/usr/share/modsecurity-crs/rules'
/** Of the set's attacks and benign requests, every so manieth is sent: the engine takes about a millisecond for each. */
const EVERY_ATTACK = 7
const EVERY_BENIGN = 5
const LEVELS = [1, 2] as const
const AT_ONCE = 8
const LONGEST_START_MS = 20_000

interface Row {
  readonly name: string
  readonly classes: Map<string, [found: number, total: number]>
  /** Attacks as they are written in books: no encoding, no trick. */
  readonly plain: [found: number, total: number]
  found: number
  attacks: number
  alarms: number
  benign: number
  /** Of the found: refused by nginx itself, which reads some of them as no request at all. */
  refused: number
}

/** Prints what nginx with ModSecurity and the Core Rule Set says of the same requests, beside the scanner. */
export async function compareModSecurity(set: CorpusSet, seed: number): Promise<void> {
  if (!existsSync(MODULE) || !existsSync(RULES)) {
    process.stderr.write("needs Debian's nginx, libnginx-mod-http-modsecurity and modsecurity-crs\n")
    process.exitCode = 2
    return
  }
  const hostile = [...sampled(attacks(set), EVERY_ATTACK, seed % EVERY_ATTACK)]
  const harmless = [...sampled(benign(set, REPORTED), EVERY_BENIGN, seed % EVERY_BENIGN)]
  const scanner = newScanner()
  const ours = row('offpath')
  for (const attack of hostile)
    note(
      ours,
      attack,
      scan(scanner, attack.request).some(({ logOdds }) => logOdds >= SIGNAL),
    )
  for (const { request } of harmless)
    note(
      ours,
      null,
      scan(scanner, request).some(({ logOdds }) => logOdds >= SIGNAL),
    )
  const rows = [ours]
  for (const level of LEVELS)
    rows.push(await withEngine(level, (send) => judged(`CRS PL${level}`, hostile, harmless, send)))
  print(rows)
}

type Send = (request: CorpusRequest) => Promise<number>

async function judged(
  name: string,
  hostile: readonly Attack[],
  harmless: readonly { readonly request: CorpusRequest }[],
  send: Send,
): Promise<Row> {
  const result = row(name)
  const all = [
    ...hostile.map((of) => ({ of, request: of.request })),
    ...harmless.map(({ request }) => ({ of: null, request })),
  ]
  let next = 0
  const worker = async () => {
    while (next < all.length) {
      const { of, request } = all[next++]!
      const status = await send(request)
      if (status !== 200 && status !== 403 && of !== null) result.refused++
      note(result, of, status !== 200)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return result
}

async function withEngine<T>(level: number, use: (send: Send) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'offpath-modsecurity-'))
  const socket = join(folder, 'front.sock')
  await writeFile(join(folder, 'rules.conf'), rulesOf(level))
  await writeFile(join(folder, 'nginx.conf'), nginxOf(folder))
  const server = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  try {
    await untilThere(server, socket)
    return await use((each) => statusOf(socket, agent, each))
  } finally {
    agent.destroy()
    server.kill('SIGTERM')
    if (server.exitCode === null) await new Promise((resolve) => server.once('exit', resolve))
    await rm(folder, { recursive: true, force: true })
  }
}

/** As its recommended configuration has it: bodies are read, JSON and XML by their parsers, and what reaches the threshold is answered 403. */
function rulesOf(level: number): string {
  return `SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 1310720
SecResponseBodyAccess Off
SecAuditEngine Off
SecPcreMatchLimit 100000
SecPcreMatchLimitRecursion 100000
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecDefaultAction "phase:1,nolog,noauditlog,pass"
SecDefaultAction "phase:2,nolog,noauditlog,pass"
SecAction "id:900000,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level=${level}"
SecAction "id:900990,phase:1,nolog,pass,t:none,setvar:tx.crs_setup_version=334"
Include ${RULES}/*.conf
`
}

function nginxOf(folder: string): string {
  return `load_module ${MODULE};
daemon off;
master_process off;
pid ${folder}/nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  error_log ${folder}/error.log crit;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  large_client_header_buffers 8 64k;
  keepalive_requests 1000000;
  server {
    listen unix:${folder}/front.sock;
    modsecurity on;
    modsecurity_rules_file ${folder}/rules.conf;
    location / { proxy_pass http://unix:${folder}/back.sock:/; }
  }
  server {
    listen unix:${folder}/back.sock;
    location / { return 200 "ok"; }
  }
}
`
}

async function untilThere(server: ChildProcess, socket: string): Promise<void> {
  for (let waited = 0; waited < LONGEST_START_MS; waited += 50) {
    if (server.exitCode !== null) throw new Error(`nginx ended with ${server.exitCode}`)
    if (existsSync(socket)) return
    await delay(50)
  }
  throw new Error('nginx did not start')
}

function statusOf(socketPath: string, agent: Agent, { method, target, headers, body }: CorpusRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, agent, method, path: target, headers: headers.flat() }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function row(name: string): Row {
  return { name, classes: new Map(), plain: [0, 0], found: 0, attacks: 0, alarms: 0, benign: 0, refused: 0 }
}

function note(result: Row, of: Attack | null, found: boolean): void {
  if (of === null) {
    result.benign++
    if (found) result.alarms++
    return
  }
  result.attacks++
  if (found) result.found++
  const counted = found ? 1 : 0
  const [before, total] = result.classes.get(of.class) ?? [0, 0]
  result.classes.set(of.class, [before + counted, total + 1])
  if (of.encoding !== 'plain' || of.trick !== 'none') return
  result.plain[0] += counted
  result.plain[1]++
}

function print(rows: readonly Row[]): void {
  const percent = (part: number, of: number) => `${((100 * part) / of).toFixed(2)} %`.padStart(10)
  const write = (name: string, cell: (each: Row) => string) =>
    process.stdout.write(`${name.padEnd(28)}${rows.map((each) => cell(each).padStart(12)).join('')}\n`)
  write('', ({ name }) => name)
  write('recall', ({ found, attacks: of }) => percent(found, of))
  write('  of these refused by nginx', ({ refused, attacks: of }) => percent(refused, of))
  write('  as in a book', ({ plain }) => percent(...plain))
  write('false alarms', ({ alarms, benign: of }) => percent(alarms, of))
  write('attacks', ({ attacks: of }) => String(of))
  write('benign requests', ({ benign: of }) => String(of))
  for (const name of rows[0]!.classes.keys()) write(name, ({ classes }) => percent(...classes.get(name)!))
}
