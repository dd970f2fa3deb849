// The jars of Apache Kafka from Maven Central, fetched once into node_modules/.cache/kafka. Needs mvn and Java 17.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const pom = join(import.meta.dirname, 'pom.xml')

/** Folder of the jars. Throws when they are not there and cannot be fetched. */
export function kafkaJars() {
  const version = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12)
  const cache = join(root, 'node_modules/.cache/kafka')
  const folder = join(cache, version)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  const beside = join(cache, `${version}.${process.pid}`)
  const args = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${beside}`]
  const { status, error } = spawnSync('mvn', args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 300_000 })
  if (status !== 0) {
    rmSync(beside, { recursive: true, force: true })
    throw new Error(`the jars of Kafka cannot be fetched: ${error?.message ?? `mvn ended with ${status}`}`)
  }
  // Another process may have been as fast.
  if (existsSync(folder)) rmSync(beside, { recursive: true, force: true })
  else renameSync(beside, folder)
  return folder
}
