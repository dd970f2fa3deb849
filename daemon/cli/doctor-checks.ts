import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { networkInterfaces, totalmem } from 'node:os'
import { join } from 'node:path'
import type { ValidatedConfig } from '../config/schema.ts'
import { defaultKeyPath } from '../identity/privacy-key.ts'
import { bindingRemedy, rebuildRemedy } from '../sources/capture-binding.ts'
import { CAP_SETUID, type Capabilities, capabilitiesOf } from '../sources/relinquish.ts'
import { listenAddress } from '../sources/tunnel-frame.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { findProgram } from '../topology/privileges.ts'
import { examineDaemon } from './doctor-daemon.ts'
import { examineHops } from './doctor-hops.ts'
import { configPath, loadSettings } from './settings.ts'

/**
 * What can be wrong with a host, each with its exact remedy. Reads only: nothing is made, changed or captured. The
 * optional package pcap is loaded in a child process, as it would be for a capture.
 */

export interface Finding {
  readonly check: string
  readonly level: 'ok' | 'warn' | 'fail'
  /** May have several lines. */
  readonly found: string
  readonly remedy?: string
}

type Environment = Readonly<Record<string, string | undefined>>

const OLDEST_NODE = [20, 19] as const
const MIB = 1024 * 1024
/** Beside the process that reads traffic: control, captures, the store's first batches. */
const BASE_MIB = 512

export async function examineHost(namedConfig: string | undefined, environment: Environment): Promise<Finding[]> {
  const { finding, config } = examineConfig(namedConfig)
  const live = config?.sources.some(({ kind }) => kind === 'pcap') ?? false
  return [
    examineNode(process.versions.node, process.versions.modules),
    examinePcap(live),
    examinePrivileges(capabilitiesOf('self'), process.geteuid?.() === 0, live),
    ...examinePrograms(environment, config),
    ...examineInterfaces('/sys/class/net', config),
    ...examineTunnels(config, ownAddresses(), Number(readText('/proc/sys/net/core/rmem_max') ?? Number.NaN)),
    finding,
    ...(config === null ? [] : [examineKey(config, environment), await examineHops(config), examineMemory(config)]),
    ...(config === null ? [] : await examineDaemon(config, environment)),
  ]
}

export function examineNode(version: string, abi: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const found = `${version} (ABI ${abi})`
  const enough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])
  return enough
    ? { check: 'node', level: 'ok', found }
    : { check: 'node', level: 'fail', found, remedy: `install Node.js ${OLDEST_NODE.join('.')} or newer` }
}

/** `needed`: the configuration captures live, so without it nothing works. */
function examinePcap(needed: boolean): Finding {
  const check = 'npm pcap'
  const level = needed ? 'fail' : 'warn'
  const remedy = bindingRemedy()
  const require = createRequire(import.meta.url)
  try {
    require.resolve('pcap')
  } catch {
    return {
      check,
      level,
      found: 'not installed; live capture works through an exec source (dumpcap, tcpdump)',
      remedy,
    }
  }
  let binding: string
  try {
    binding = require.resolve('pcap/build/Release/pcap_binding.node')
  } catch {
    return { check, level, found: 'installed, but not built; npm 12 builds only what it is told to', remedy }
  }
  const load = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', binding], {
    encoding: 'utf8',
    timeout: 10_000,
  })
  if (load.status === 0) return { check, level: 'ok', found: 'installed, loads' }
  const reason = (load.stderr ?? '').split('\n').find((line) => /Error/.test(line)) ?? 'no reason given'
  return {
    check,
    level,
    found: `built, but does not load: ${reason.trim().slice(0, 200)}`,
    remedy: /libpcap/.test(reason) ? 'apt-get install -y libpcap0.8' : rebuildRemedy(),
  }
}

const CAP_NET_RAW = 1n << 13n

/** Whether a capture child started from here could open an interface, and give the right up again. */
export function examinePrivileges(own: Capabilities | null, root: boolean, needed: boolean): Finding {
  const check = 'privileges'
  const level = needed ? 'fail' : 'warn'
  if (own === null)
    return { check, level: 'warn', found: 'cannot be read on this system', remedy: 'use an exec source' }
  if ((own.effective & CAP_NET_RAW) === 0n) {
    return {
      check,
      level,
      found: 'no CAP_NET_RAW: interfaces cannot be opened from here',
      remedy:
        'start as root (it is given up), or use an exec source with a dumpcap that has the right: ' +
        'setcap cap_net_raw+ep $(which dumpcap) && offpath run --exec -- dumpcap -q -i IFACE -w -',
    }
  }
  if (root) return { check, level: 'ok', found: 'root with CAP_NET_RAW; given up before traffic is read' }
  if ((own.effective & CAP_SETUID) !== 0n) {
    return { check, level: 'ok', found: 'CAP_NET_RAW and CAP_SETUID; given up before traffic is read' }
  }
  return {
    check,
    level,
    found: 'CAP_NET_RAW without CAP_SETUID: the capture child could not give it up, so it refuses to start',
    remedy: 'add cap_setuid to the ambient capabilities, start as root, or use an exec source with dumpcap',
  }
}

function examinePrograms(environment: Environment, config: ValidatedConfig | null): Finding[] {
  const helpers = ['setpriv', 'dumpcap', 'tcpdump'].map((name) => ({
    name,
    path: findProgram(name, searchPath(environment)),
  }))
  const missing = helpers.filter(({ path }) => path === null).map(({ name }) => name)
  const packages: Readonly<Record<string, string>> = {
    setpriv: 'util-linux',
    dumpcap: 'wireshark-common',
    tcpdump: 'tcpdump',
  }
  const found = helpers.map(({ name, path }) => `${name} ${path ?? 'missing'}`).join(', ')
  const programs: Finding =
    missing.length === 0
      ? { check: 'programs', level: 'ok', found }
      : {
          check: 'programs',
          level: 'warn',
          found,
          remedy: `apt-get install ${missing.map((name) => packages[name]).join(' ')}   (none is needed for files)`,
        }
  const commands = (config?.sources ?? []).flatMap((source) => (source.kind === 'exec' ? [source.command[0]!] : []))
  const broken = commands.filter((name) => findProgram(name, searchPath(environment)) === null)
  return [
    programs,
    ...broken.map(
      (name): Finding => ({
        check: 'programs',
        level: 'fail',
        found: `the exec source's program ${name} is not there`,
        remedy: 'install it, or write its full path in sources[].command',
      }),
    ),
  ]
}

/** With the folders that hold capture programs and that a plain user's PATH often lacks. */
function searchPath(environment: Environment): string {
  return `${environment.PATH ?? ''}:/usr/sbin:/sbin`
}

const IFF_UP = 0x1
const IFF_PROMISC = 0x100

function examineInterfaces(folder: string, config: ValidatedConfig | null): Finding[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return [{ check: 'interfaces', level: 'warn', found: 'cannot be listed on this system' }]
  }
  const states = names.map((name) => {
    const flags = Number(readText(join(folder, name, 'flags')) ?? 0)
    const operational = readText(join(folder, name, 'operstate'))?.trim() ?? 'unknown'
    // The loopback and most tunnels have no carrier to report on.
    const state = operational === 'unknown' && (flags & IFF_UP) !== 0 ? 'up' : operational
    const promiscuous = (flags & IFF_PROMISC) !== 0
    return {
      name,
      up: state === 'up' || state === 'unknown',
      text: `${name} ${state}${promiscuous ? ' promiscuous' : ''}`,
    }
  })
  const findings: Finding[] = [{ check: 'interfaces', level: 'ok', found: states.map(({ text }) => text).join(', ') }]
  for (const source of config?.sources ?? []) {
    if (source.kind !== 'pcap' || source.interface === 'any') continue
    const state = states.find(({ name }) => name === source.interface)
    if (state === undefined) {
      findings.push({
        check: 'interfaces',
        level: 'fail',
        found: `there is no interface ${source.interface}`,
        remedy: `set sources[].interface to one of ${names.join(', ')}`,
      })
    } else if (!state.up) {
      findings.push({
        check: 'interfaces',
        level: 'warn',
        found: `${source.interface} is down, so no packet arrives`,
        remedy: `ip link set ${source.interface} up`,
      })
    }
  }
  return findings
}

/** Whether this host has the addresses that mirrors send to, and the kernel the buffers. `mostBytes`: NaN when unknown. */
export function examineTunnels(
  config: ValidatedConfig | null,
  addresses: readonly string[],
  mostBytes: number,
): Finding[] {
  const check = 'udp tunnel'
  return (config?.sources ?? []).flatMap((source): Finding[] => {
    if (source.kind !== 'udp-tunnel') return []
    const { address } = listenAddress(source.listen)
    if (address !== '0.0.0.0' && address !== '::' && !addresses.includes(address)) {
      const remedy = `set sources[].listen to one of ${addresses.join(', ')}`
      return [{ check, level: 'fail', found: `this host has no address ${address}`, remedy }]
    }
    const wanted = source.buffer_mib * MIB
    if (wanted > mostBytes) {
      const found = `${source.listen}: the kernel gives at most ${mostBytes} bytes of buffer, ${wanted} are wanted`
      return [{ check, level: 'warn', found, remedy: `sysctl -w net.core.rmem_max=${wanted}` }]
    }
    return [{ check, level: 'ok', found: `${source.listen}, from ${source.senders.join(', ')}` }]
  })
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((own) => (own ?? []).map(({ address }) => address))
}

function examineConfig(named: string | undefined): { finding: Finding; config: ValidatedConfig | null } {
  const check = 'configuration'
  try {
    const path = configPath(named)
    const { config } = loadSettings(path)
    const count = config.sources.length
    const found =
      path === undefined ? 'defaults, no file' : `${path} is valid, ${count} ${count === 1 ? 'source' : 'sources'}`
    return { finding: { check, level: 'ok', found }, config }
  } catch (error) {
    if (!(error instanceof OffpathError)) throw error
    const at = error.at === undefined ? '' : `${error.at}: `
    const finding: Finding = {
      check,
      level: 'fail',
      found: at + error.message,
      remedy: error.remedy ?? 'offpath config check',
    }
    return { finding, config: null }
  }
}

/** Looks at the key without reading or making one. */
export function examineKey(config: ValidatedConfig, environment: Environment): Finding {
  const check = 'privacy key'
  const named = config.privacy.key_file
  if (named === null && environment.OFFPATH_PRIVACY_KEY) {
    return { check, level: 'ok', found: 'from OFFPATH_PRIVACY_KEY' }
  }
  const path = named ?? defaultKeyPath(environment)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) {
    return named === null
      ? { check, level: 'ok', found: `none yet; the first start makes ${path}` }
      : { check, level: 'fail', found: `there is no ${path}`, remedy: `(umask 077; openssl rand -hex 32 > ${path})` }
  }
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0')
    return { check, level: 'fail', found: `${path} has mode ${mode}: others can read it`, remedy: `chmod 600 ${path}` }
  }
  return { check, level: 'ok', found: `${path}, mode 0600` }
}

function examineMemory(config: ValidatedConfig): Finding {
  const check = 'memory'
  const available =
    Number(/^MemAvailable:\s*(\d+) kB$/m.exec(readText('/proc/meminfo') ?? '')?.[1] ?? totalmem() / 1024) / 1024
  const rings = config.sources.reduce((sum, source) => sum + (source.kind === 'pcap' ? source.ring_mib : 0), 0)
  const need = config.limits.memory_mib + rings + BASE_MIB
  const found = `${Math.floor(available)} MiB available, up to ${need} MiB used (of ${Math.floor(totalmem() / MIB)} MiB)`
  return available >= need
    ? { check, level: 'ok', found }
    : {
        check,
        level: 'warn',
        found,
        remedy: 'free memory, or lower limits.memory_mib (and its shares) and sources[].ring_mib',
      }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
