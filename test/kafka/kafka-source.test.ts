import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CompressionTypes, type Consumer, Kafka, Partitioners } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { KafkaOptions, KafkaPatience } from '../../daemon/sources/kafka/kafka-options.ts'
import { KafkaSource } from '../../daemon/sources/kafka/kafka-source.ts'
import type { Position, RecordsOfPartition, UnreadableRange } from '../../daemon/sources/kafka/record-source.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { Broker, brokerMissing, until } from './broker.ts'

const missing = brokerMissing()
const broker = new Broker()

beforeAll(async () => {
  if (missing === null) await broker.start()
}, 180_000)
afterAll(() => broker.remove())

/** One member of a group and what it was given. */
class Member {
  readonly counters = new Counters()
  readonly batches: RecordsOfPartition[] = []
  readonly warnings: string[] = []
  readonly restarted: Pick<Position, 'topic' | 'partition'>[] = []
  readonly unreadable: UnreadableRange[] = []
  assigned: readonly Pick<Position, 'topic' | 'partition'>[] = []
  readonly source: KafkaSource

  constructor(
    options: Partial<KafkaOptions> & { topics: string[] },
    kept: Position[] = [],
    patience: KafkaPatience = { lookMs: 5000, silentMs: 45_000, stalledMs: 60_000 },
  ) {
    this.source = new KafkaSource({
      options: {
        brokers: [broker.places.plain],
        groupId: `group-${options.topics[0]}`,
        sessionMs: 10_000,
        from: 'beginning',
        sasl: null,
        tls: null,
        ...options,
      },
      kept,
      patience,
      counters: this.counters,
      events: {
        records: (batch) => this.batches.push(batch),
        assigned: (partitions) => {
          this.assigned = partitions
        },
        restarted: (partition) => this.restarted.push(partition),
        unreadable: (range) => this.unreadable.push(range),
        warn: (message) => this.warnings.push(message),
      },
    })
    this.source.subscribe()
  }

  get values(): (string | null)[] {
    return this.batches.flatMap(({ records }) =>
      records.map(({ value }) => (value === null ? null : Buffer.from(value).toString())),
    )
  }

  async has(count: number): Promise<void> {
    await until(
      () => this.values.length >= count,
      40_000,
      () => `${this.values.length} of ${count} records; ${this.warnings.join('; ')}; ${this.source.state}`,
    )
  }
}

async function reading(member: Member, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } finally {
    await member.source.close()
  }
}

const lines = (count: number) => Array.from({ length: count }, (_, i) => `{"n":${i},"text":"${'abc '.repeat(50)}"}`)

describe.skipIf(missing !== null)(`a topic on a real broker${missing === null ? '' : ` (${missing})`}`, () => {
  test.each(['gzip', 'snappy', 'lz4', 'zstd'])('%s as Java clients write it', async (codec) => {
    await broker.createTopic(codec)
    await broker.sendFromJava(codec, codec, lines(300))
    const member = new Member({ topics: [codec] })
    await reading(member, async () => {
      await member.has(300)
      expect(member.values).toEqual(lines(300))
    })
  })

  test('what is committed is not read again; a kept position goes before the group', async () => {
    await broker.createTopic('kept')
    await broker.send('kept', lines(10))
    const first = new Member({ topics: ['kept'] })
    await reading(first, async () => {
      await first.has(10)
      await first.source.commit([{ topic: 'kept', partition: 0, next: 4 }])
    })
    expect(await broker.committed('group-kept', 'kept')).toEqual(new Map([[0, 4]]))
    const second = new Member({ topics: ['kept'] }, [{ topic: 'kept', partition: 0, next: 7 }])
    await reading(second, async () => {
      await second.has(3)
      expect(second.values).toEqual(lines(10).slice(7))
      expect(second.counters.get('kafka.passed_over')).toBe(3)
    })
  })

  test('latest is where a group begins that has nothing, and holds: what comes while nobody reads is read', async () => {
    const topic = 'latest'
    await broker.createTopic(topic, 2)
    for (const partition of [0, 1]) await broker.send(topic, ['before'], partition)
    const options = { topics: [topic], from: 'latest' as const }
    const first = new Member(options)
    await reading(first, async () => {
      const begun = async () => [...(await broker.committed(`group-${topic}`, topic)).values()].join() === '1,1'
      await until(begun, 20_000)
      await broker.send(topic, ['live'])
      await first.has(1)
      expect(first.values).toEqual(['live'])
    })
    await broker.send(topic, ['away'], 1)
    const second = new Member(options, [{ topic, partition: 0, next: 2 }])
    await reading(second, async () => {
      await second.has(1)
      expect(second.values).toEqual(['away'])
    })
  })

  test('a group that was deleted goes on from the kept position, not from where it would begin', async () => {
    const topic = 'forgotten'
    await broker.createTopic(topic)
    await broker.send(topic, lines(10))
    const first = new Member({ topics: [topic] })
    await reading(first, async () => {
      await first.has(10)
      await first.source.commit([{ topic, partition: 0, next: 10 }])
    })
    const admin = broker.client().admin()
    await admin.connect()
    await admin.deleteGroups([`group-${topic}`])
    await admin.disconnect()
    await broker.send(topic, ['eleventh'])
    for (const from of ['latest', 'beginning'] as const) {
      const second = new Member({ topics: [topic], from, groupId: `${topic}-${from}` }, [
        { topic, partition: 0, next: 10 },
      ])
      await reading(second, async () => {
        await second.has(1)
        expect(second.values).toEqual(['eleventh'])
      })
    }
  })

  test('what the brokers threw away before it was read is counted, and the rest is read', async () => {
    const topic = 'expired'
    await broker.createTopic(topic)
    await broker.send(topic, lines(10))
    const admin = broker.client().admin()
    await admin.connect()
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] })
    await admin.disconnect()
    const member = new Member({ topics: [topic], from: 'latest' }, [{ topic, partition: 0, next: 2 }])
    await reading(member, async () => {
      await member.has(4)
      expect(member.values).toEqual(lines(10).slice(6))
      await until(() => member.counters.get('kafka.expired') > 0, 10_000)
      expect(member.counters.get('kafka.expired')).toBe(4)
      expect(member.warnings.join()).toContain('expired/0: offsets 2 to 5')
    })
  })

  test('a rewind reads again from the positions it is given', async () => {
    const topic = 'rewound'
    await broker.createTopic(topic)
    await broker.send(topic, lines(6))
    const member = new Member({ topics: [topic] })
    await reading(member, async () => {
      await member.has(6)
      await member.source.commit([{ topic, partition: 0, next: 3 }])
      member.source.rewind([{ topic, partition: 0, next: 4 }], 'rows were given up')
      await member.has(8)
      expect(member.values.slice(6)).toEqual(lines(6).slice(4))
    })
  })

  test('paused, nothing comes and the group is kept; resumed, all of it comes', async () => {
    await broker.createTopic('paused')
    // It waits longer than the group does for who says nothing.
    const member = new Member({ topics: ['paused'], sessionMs: 3000 })
    await reading(member, async () => {
      await until(() => member.assigned.length === 1, 20_000)
      const before = member.counters.get('kafka.rebalances')
      member.source.pause()
      await broker.send('paused', lines(5))
      await new Promise((resolve) => setTimeout(resolve, 7000))
      expect(member.values).toEqual([])
      // Told while it lasts.
      expect(member.counters.get('kafka.paused_ms')).toBeGreaterThan(1000)
      member.source.resume()
      await member.has(5)
      expect(member.counters.get('kafka.paused_ms')).toBeGreaterThan(6000)
      expect(member.counters.get('kafka.rebalances')).toBe(before)
      expect(member.counters.get('kafka.restarts')).toBe(0)
      expect(member.source.lag()).toEqual([{ topic: 'paused', partition: 0, lag: 0 }])
    })
  })

  test('a record larger than a fetch, and a tombstone', async () => {
    await broker.createTopic('large', 1, [{ name: 'max.message.bytes', value: String(24 * 1024 * 1024) }])
    const large = randomBytes(7 * 1024 * 1024).toString('hex')
    await broker.send('large', ['before', large, null, 'after'])
    const member = new Member({ topics: ['large'] })
    await reading(member, async () => {
      await member.has(4)
      expect(member.values.map((value) => value?.length)).toEqual([6, large.length, undefined, 5])
    })
  })

  test('two members share the partitions, and what one had when it left goes to the other', async () => {
    await broker.createTopic('shared', 4)
    const options = { topics: ['shared'] }
    const first = new Member(options)
    await reading(first, async () => {
      await until(() => first.assigned.length === 4, 20_000)
      const second = new Member(options)
      await reading(second, async () => {
        await until(() => first.assigned.length === 2 && second.assigned.length === 2, 30_000)
        for (let partition = 0; partition < 4; partition++) await broker.send('shared', lines(10), partition)
        await first.has(20)
        await second.has(20)
        // Of another member's partitions nothing is committed.
        const all = [0, 1, 2, 3].map((partition) => ({ topic: 'shared', partition, next: 10 }))
        await first.source.commit(all)
        const committed = await broker.committed('group-shared', 'shared')
        const own = first.assigned.map(({ partition }) => partition)
        expect([...committed].filter(([, offset]) => offset === 10).map(([partition]) => partition)).toEqual(own.sort())
      })
      await until(() => first.assigned.length === 4, 30_000)
      await first.has(40)
      expect(first.values.length).toBe(40)
      expect(first.counters.get('kafka.rebalances')).toBeGreaterThan(0)
    })
  })

  test('who is stopped while it joins leaves no member behind whom the group waits for', async () => {
    const topic = 'brief'
    await broker.createTopic(topic)
    const admin = broker.client().admin()
    await admin.connect()
    const members = async () => (await admin.describeGroups([`group-${topic}`])).groups[0]!.members.length
    const first = new Member({ topics: [topic], sessionMs: 30_000 })
    await reading(first, async () => {
      await until(() => first.assigned.length === 1, 20_000)
      const brief = new Member({ topics: [topic], sessionMs: 30_000 })
      // The first has still to hear of it.
      await until(async () => (await members()) === 2, 20_000)
      await brief.source.close()
      expect(await members()).toBe(1)
    }).finally(() => admin.disconnect())
  })

  test('a topic that is made anew is read from its start', async () => {
    await broker.createTopic('anew')
    await broker.send('anew', lines(3))
    const member = new Member({ topics: ['anew'] }, [{ topic: 'anew', partition: 0, next: 500 }])
    await reading(member, async () => {
      await member.has(3)
      expect(member.restarted).toMatchObject([{ topic: 'anew', partition: 0 }])
      expect(member.counters.get('kafka.offsets_restarted')).toBe(1)
    })
  })

  test.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('SASL %s', async (mechanism) => {
    const topic = `sasl-${mechanism}`
    await broker.createTopic(topic)
    await broker.send(topic, lines(3))
    const { sasl: address, user: username, password } = broker.places
    const member = new Member({ topics: [topic], brokers: [address], sasl: { mechanism, username, password } })
    await reading(member, () => member.has(3))
    const wrong = new Member({ topics: [topic], brokers: [address], sasl: { mechanism, username, password: 'guess' } })
    await reading(wrong, async () => {
      await until(() => wrong.warnings.length > 0, 20_000)
      expect(wrong.source.state).toBe('down')
      expect(wrong.warnings[0]).toMatch(/[Aa]uthentication/)
      expect(wrong.warnings.join()).not.toContain('guess')
    })
  })

  test.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('SASL %s over TLS', async (mechanism) => {
    const topic = `sasl-tls-${mechanism}`
    await broker.createTopic(topic)
    await broker.send(topic, lines(3))
    const { saslSsl: address, user: username, password, folder } = broker.places
    const pem = (name: string) => readFileSync(join(folder, name), 'utf8')
    const sasl = { mechanism, username, password }
    const tls = { ca: pem('ca.pem'), cert: null, key: null }
    const member = new Member({ topics: [topic], brokers: [address], sasl, tls })
    await reading(member, () => member.has(3))
  })

  test('brokers whose certificate is not of our authority get no password', async () => {
    const { saslSsl: address, user: username, password, folder } = broker.places
    const sasl = { mechanism: 'plain', username, password } as const
    const tls = { ca: readFileSync(join(folder, 'client.crt'), 'utf8'), cert: null, key: null }
    const member = new Member({ topics: ['any'], brokers: [address], sasl, tls })
    await reading(member, async () => {
      await until(() => member.warnings.length > 0, 20_000)
      expect(member.source.state).toBe('down')
      expect(member.warnings[0]).toMatch(/certificate/)
    })
  })

  test('TLS with a client certificate; without one it is refused', async () => {
    await broker.createTopic('tls')
    await broker.send('tls', lines(3))
    const pem = (name: string) => readFileSync(join(broker.places.folder, name), 'utf8')
    const tls = { ca: pem('ca.pem'), cert: pem('client.crt'), key: pem('client.key') }
    const member = new Member({ topics: ['tls'], brokers: [broker.places.ssl], tls })
    await reading(member, () => member.has(3))
    const bare = new Member({ topics: ['tls'], brokers: [broker.places.ssl], tls: { ...tls, cert: null, key: null } })
    await reading(bare, async () => {
      await until(() => bare.warnings.length > 0, 20_000)
      expect(bare.source.state).toBe('down')
    })
  })

  test('a topic that is not there is waited for', async () => {
    const member = new Member({ topics: ['later'] })
    await reading(member, async () => {
      await until(() => member.warnings.length > 0, 30_000)
      expect(member.source.state).toBe('down')
      await broker.createTopic('later')
      await broker.send('later', lines(2))
      await member.has(2)
      expect(member.source.state).toBe('capturing')
    })
  })

  test('what could not be committed is committed later, also when nothing new comes', { timeout: 60_000 }, async () => {
    const topic = 'unsaid'
    await broker.createTopic(topic)
    await broker.send(topic, ['a', 'b', 'c'])
    // The group waits so long for the client that could not leave it.
    const member = new Member({ topics: [topic], sessionMs: 3000 })
    await reading(member, async () => {
      await member.has(3)
      await broker.stop()
      await member.source.commit([{ topic, partition: 0, next: 3 }])
      await broker.start()
      await until(
        async () => (await broker.committed(`group-${topic}`, topic)).get(0) === 3,
        40_000,
        () => JSON.stringify([member.counters.entries(), member.source.state, member.warnings]),
      )
    })
  })

  test('a batch that cannot be unpacked is passed over and told of; what stands behind it is read', {
    timeout: 60_000,
  }, async () => {
    const topic = 'broken'
    await broker.createTopic(topic)
    const lines = (name: string) => Array.from({ length: 20 }, (_, i) => `${name} ${i} ${'x'.repeat(50)}`)
    for (const name of ['first', 'broken', 'last']) {
      const producer = broker.client().producer({ createPartitioner: Partitioners.DefaultPartitioner })
      await producer.connect()
      const messages = lines(name).map((value) => ({ value }))
      await producer.send({ topic, messages, compression: CompressionTypes.GZIP })
      await producer.disconnect()
    }
    await broker.stop()
    // What a bad disk or a bad client may leave: brokers hand it out unread.
    const file = join(broker.folder, 'data', `${topic}-0`, '00000000000000000000.log')
    const log = readFileSync(file)
    const second = 12 + log.readInt32BE(8)
    log.fill(0xff, second + 61 + 20, second + 61 + 60)
    writeFileSync(file, log)
    await broker.start()
    const member = new Member({ topics: [topic] })
    await reading(member, async () => {
      await member.has(40)
      expect(member.values).toEqual([...lines('first'), ...lines('last')])
      expect(member.unreadable).toMatchObject([{ topic, partition: 0, first: 20, last: 39 }])
      expect(member.unreadable[0]!.why).toMatch(/^gzip: /)
      expect(member.warnings.join()).toContain('broken/0: offsets 20 to 39')
      expect(member.batches.at(-1)!.next).toBe(60)
    })
  })

  test('brokers that do not answer any more: the consumer is built anew until they do', {
    timeout: 60_000,
  }, async () => {
    const topic = 'silent'
    await broker.createTopic(topic)
    await broker.send(topic, lines(5))
    const member = new Member({ topics: [topic] }, [], { lookMs: 200, silentMs: 3000, stalledMs: 60_000 })
    await reading(member, async () => {
      await member.has(5)
      process.kill(broker.places.pid, 'SIGSTOP')
      try {
        await until(() => member.warnings.length > 0, 20_000)
      } finally {
        process.kill(broker.places.pid, 'SIGCONT')
      }
      expect(member.warnings[0]).toContain('no answer from the brokers')
      expect(member.counters.get('kafka.silent')).toBeGreaterThan(0)
      await broker.send(topic, ['again'])
      await member.has(6)
      expect(member.values.slice(5)).toEqual(['again'])
      expect(member.source.state).toBe('capturing')
    })
  })

  test('a consumer that goes on fetching and delivers nothing is built anew', async () => {
    const topic = 'stalled'
    await broker.createTopic(topic)
    // No broker does this on demand: the client's own mark for a partition that it leaves out.
    const made: Consumer[] = []
    const consumer = Kafka.prototype.consumer
    const spy = vi.spyOn(Kafka.prototype, 'consumer').mockImplementation(function (this: Kafka, settings) {
      made.push(consumer.call(this, settings))
      return made.at(-1)!
    })
    const member = new Member({ topics: [topic] }, [], { lookMs: 100, silentMs: 45_000, stalledMs: 1000 })
    await reading(member, async () => {
      await broker.send(topic, ['first'])
      await member.has(1)
      made[0]!.pause([{ topic }])
      let sent = 1
      const rebuilt = async () => {
        await broker.send(topic, [`${sent++}`])
        return member.counters.get('kafka.stalled') > 0
      }
      await until(rebuilt, 20_000)
      await member.has(sent)
      expect(member.warnings.join()).toContain('stalled/0 grows')
      expect(member.values).toEqual(['first', ...Array.from({ length: sent - 1 }, (_, i) => `${i + 1}`)])
    }).finally(() => spy.mockRestore())
  })

  test('the broker goes away and comes back: nothing is lost or doubled', { timeout: 90_000 }, async () => {
    await broker.createTopic('away')
    await broker.send('away', lines(50))
    const member = new Member({ topics: ['away'], sessionMs: 3000 })
    await reading(member, async () => {
      await member.has(50)
      await broker.stop()
      // The client gives up at some point; this program does not.
      await until(() => member.source.state === 'down', 40_000)
      expect(member.source.why).not.toBeNull()
      await broker.start()
      await broker.send('away', lines(70).slice(50))
      await member.has(70)
      expect(member.values).toEqual(lines(70))
    })
  })
})
