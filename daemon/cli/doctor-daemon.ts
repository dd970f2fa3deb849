import { existsSync, statfsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { webhookEndpoints } from '../../sinks/webhook/settings.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import { loadPolicies } from '../policies/load.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { kafkaOptions } from '../topology/kafka-settings.ts'
import type { Finding } from './doctor-checks.ts'

/** What the daemon needs beside the capture: data folder, store, receivers, API. Reads, and asks a configured server whether it is there. */
type Environment = Readonly<Record<string, string | undefined>>

const MIB = 1024 * 1024
const PING_MS = 3000

export async function examineDaemon(config: ValidatedConfig, environment: Environment): Promise<Finding[]> {
  return [
    examinePolicies(config),
    examineFolder(config),
    await examineStore(config),
    ...(await examineTopics(config, environment)),
    ...examineWebhooks(config, environment),
    examineServer(config),
  ]
}

function examinePolicies({ policies, response }: ValidatedConfig): Finding {
  const check = 'policies'
  try {
    const { folder, environment, modes } = policies
    const loaded = loadPolicies({ folder, environment, modes }).policies
    const carriers = ['webhook', ...Object.keys(response.connectors)]
    const lost = loaded.flatMap(({ id, respond }) =>
      respond.filter(({ action }) => !carriers.includes(action)).map(({ action }) => `${id}: ${action}`),
    )
    const found = loaded.map(({ id, mode }) => `${id} ${mode}`).join(', ')
    if (lost.length === 0) return { check, level: 'ok', found }
    return {
      check,
      level: 'warn',
      found: `no connector carries out ${lost.join(', ')}`,
      remedy: `name one of ${carriers.join(', ')}, or add it to response.connectors`,
    }
  } catch (error) {
    if (!(error instanceof OffpathError)) throw error
    return { check, level: 'fail', found: error.message, remedy: error.remedy ?? 'offpath policy list' }
  }
}

export function examineFolder(config: ValidatedConfig): Finding {
  const check = 'data folder'
  const folder = resolve(config.state.folder)
  const stat = statSync(folder, { throwIfNoEntry: false })
  if (stat !== undefined && !stat.isDirectory()) {
    return { check, level: 'fail', found: `${folder} is no folder`, remedy: 'set state.folder to another path' }
  }
  let there = folder
  while (!existsSync(there)) there = dirname(there)
  const { bavail, bsize } = statfsSync(there)
  const freeMib = Math.floor((bavail * bsize) / MIB)
  const found = `${folder}${stat === undefined ? ', made at the first start' : ''}; ${freeMib} MiB free`
  if (freeMib >= 2 * config.store.spool_mib || !config.store.enabled) return { check, level: 'ok', found }
  return {
    check,
    level: 'warn',
    found: `${found}, and the spool alone may take ${config.store.spool_mib} MiB`,
    remedy: 'free space, lower store.spool_mib, or set state.folder to a larger disk',
  }
}

async function examineStore(config: ValidatedConfig): Promise<Finding> {
  const check = 'store'
  const { url } = config.sinks.clickhouse
  if (!config.store.enabled) return { check, level: 'ok', found: 'off: nothing is stored' }
  if (url === null) {
    try {
      import.meta.resolve('chdb/connection')
      return { check, level: 'ok', found: 'embedded (package chdb)' }
    } catch {
      return {
        check,
        level: 'warn',
        found: 'the package chdb is not installed: nothing is stored',
        remedy: 'npm install chdb (about 550 MB), set sinks.clickhouse.url, or store.enabled: false',
      }
    }
  }
  const shown = withoutCredentials(url)
  try {
    const answer = await fetch(new URL('/ping', url), { signal: AbortSignal.timeout(PING_MS), redirect: 'error' })
    const text = (await answer.text()).slice(0, 10).trim()
    if (answer.ok && text === 'Ok.') return { check, level: 'ok', found: `${shown} answers` }
    return { check, level: 'fail', found: `${shown} answers, but not as ClickHouse does`, remedy: REMEDY_URL }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    // Its certificate may be by an authority of your own, which only the daemon is told of.
    const level = config.sinks.clickhouse.ca_file === null ? 'fail' : 'warn'
    return { check, level, found: `${shown} does not answer: ${cause}`, remedy: REMEDY_URL }
  }
}

/** Connects as the daemon would, and asks how large a record may be. */
async function examineTopics(config: ValidatedConfig, environment: Environment): Promise<Finding[]> {
  const sources = config.sources.filter((source) => source.kind === 'kafka')
  if (sources.length === 0) return []
  const { lookAtTopics } = await import('../sources/kafka/look.ts')
  return await Promise.all(
    sources.map(async (source): Promise<Finding> => {
      const check = 'kafka'
      try {
        return { check, ...(await lookAtTopics(kafkaOptions(source, environment))) }
      } catch (error) {
        if (!(error instanceof OffpathError)) throw error
        const { message, remedy } = error
        return { check, level: 'fail', found: message, ...(remedy === undefined ? {} : { remedy }) }
      }
    }),
  )
}

const REMEDY_URL = 'set sinks.clickhouse.url to the HTTP address of the server, such as http://clickhouse:8123'

function withoutCredentials(url: string): string {
  const { protocol, host } = new URL(url)
  return `${protocol}//${host}`
}

function examineWebhooks(config: ValidatedConfig, environment: Environment): Finding[] {
  const check = 'webhooks'
  const names = config.sinks.webhook.map(({ name }) => name)
  if (names.length === 0) return []
  try {
    webhookEndpoints(config.sinks.webhook, environment)
    return [{ check, level: 'ok', found: `${names.join(', ')}: signing secrets are there` }]
  } catch (error) {
    if (!(error instanceof OffpathError)) throw error
    const { message, remedy } = error
    return [{ check, level: 'fail', found: message, ...(remedy === undefined ? {} : { remedy }) }]
  }
}

export function examineServer(config: ValidatedConfig): Finding {
  const check = 'API'
  const { listen, tls_cert_file: cert, allow_plain: plain } = config.server
  if (listen === null) return { check, level: 'ok', found: 'unix socket in the data folder only' }
  const loopback = /^(127\.|localhost:|\[::1\])/.test(listen)
  if (loopback || cert !== null) return { check, level: 'ok', found: `${listen}${cert === null ? '' : ' with TLS'}` }
  if (plain) return { check, level: 'warn', found: `${listen} without TLS, as allow_plain says` }
  return {
    check,
    level: 'fail',
    found: `${listen} is beyond the loopback, and there is no TLS`,
    remedy: 'set server.tls_cert_file and tls_key_file, or listen on 127.0.0.1',
  }
}
