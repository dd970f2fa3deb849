import { ConfigResourceTypes, Kafka } from 'kafkajs'
import { clientSettings, reasonOf } from './client-settings.ts'
import { type KafkaOptions, MAX_PARTITION_BYTES } from './kafka-options.ts'

export interface TopicLook {
  readonly level: 'ok' | 'warn' | 'fail'
  readonly found: string
  readonly remedy?: string
}

/** Whether a source's topics can be reached, as `offpath doctor` asks. Changes nothing; joins no group. */
export async function lookAtTopics(options: KafkaOptions): Promise<TopicLook> {
  const where = options.brokers.join(', ')
  const admin = new Kafka({ ...clientSettings(options), retry: { retries: 0 } }).admin()
  try {
    await admin.connect()
    const names = await admin.listTopics()
    const missing = options.topics.filter((topic) => !names.includes(topic))
    if (missing.length > 0) {
      return {
        level: 'fail',
        found: `${where}: there is no topic ${missing.join(', ')}, or this user may not see it`,
        remedy: 'make the topic, or let the user read and describe it',
      }
    }
    const { topics } = await admin.fetchTopicMetadata({ topics: [...options.topics] })
    const found = `${where}: ${topics.map(({ name, partitions }) => `${name}, ${partitions.length} partitions`).join('; ')}`
    const largest = await largestRecord(admin, options.topics)
    if (largest <= MAX_PARTITION_BYTES) return { level: 'ok', found }
    return {
      level: 'warn',
      found: `${found}; records may have ${largest} bytes, and those over 4 MiB are laid aside`,
      remedy: 'lower max.message.bytes of the topic, when such records are transactions',
    }
  } catch (error) {
    return {
      level: 'fail',
      found: `${where} cannot be read: ${reasonOf(error)}`,
      remedy: 'check brokers, sasl and tls of the source, and that the network lets it through',
    }
  } finally {
    await admin.disconnect()
  }
}

/** 0 when it may not be asked for. */
async function largestRecord(admin: ReturnType<Kafka['admin']>, topics: readonly string[]): Promise<number> {
  const asked = topics.map((name) => ({ type: ConfigResourceTypes.TOPIC, name, configNames: ['max.message.bytes'] }))
  const answer = await admin.describeConfigs({ resources: asked, includeSynonyms: false }).catch(() => null)
  const sizes = answer?.resources.flatMap(({ configEntries }) =>
    configEntries.map((entry) => Number(entry.configValue)),
  )
  return Math.max(0, ...(sizes ?? []))
}
