import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ensureBuilt, offpath, ROOT } from '../integration/program.ts'

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly volumes?: readonly string[]
  readonly cap_add?: readonly string[]
  readonly cap_drop?: readonly string[]
  readonly restart?: string
  readonly network_mode?: string
}

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}
const services = Object.entries(compose.services)
const own = services.filter(([, { image }]) => image.startsWith('offpath'))
/** By the target of the Dockerfile or the unit that runs it. */
const PINNED = /^[a-z/-]+:\d+(\.\d+)+(-[a-z-]+)?$/
let flags: string[] = []

beforeAll(async () => {
  ensureBuilt()
  flags = (await offpath(['run', '--help'])).stdout.match(/--[a-z-]+/g) ?? []
})

/** A command line of ours: `run`, then flags that there are. */
function expectRunnable([command, ...args]: readonly string[]): void {
  expect(command).toBe('run')
  for (const flag of args.filter((each) => each.startsWith('--'))) expect(flags).toContain(flag)
}

describe('docker-compose.yml', () => {
  test.each(services)('%s has a pinned image and a health check, or ends or only writes', (_, service) => {
    expect(service.image).toMatch(PINNED)
    const { healthcheck } = service
    expect(healthcheck?.disable === true || (healthcheck?.test?.length ?? 0) > 1).toBe(true)
  })

  test.each(services)('what %s waits for and mounts is there', (_, { depends_on: waits = {}, volumes = [] }) => {
    for (const [name, { condition }] of Object.entries(waits)) {
      const other = compose.services[name]
      expect(other).toBeDefined()
      if (condition === 'service_healthy') expect(other?.healthcheck?.test).toBeDefined()
      if (condition === 'service_completed_successfully') expect(other?.restart).toBe('no')
    }
    for (const volume of volumes) {
      const [from = ''] = volume.split(':')
      if (from.startsWith('.')) expect(existsSync(join(ROOT, from))).toBe(true)
      else expect(Object.keys(compose.volumes)).toContain(from)
    }
  })

  test.each(own)('%s runs a command that there is, with a configuration that is right', async (_, service) => {
    expectRunnable(service.command ?? [])
    const file = service.volumes?.find((volume) => volume.includes(':/etc/offpath/'))?.split(':')[0] ?? ''
    const checked = await offpath(['config', 'check', join(ROOT, file)])
    expect(checked.stderr).toBe('')
    expect(checked.status).toBe(0)
  })

  test('the sensor alone has a right, and all run as a plain user', () => {
    expect(services.filter(([, { cap_add: added }]) => added !== undefined).map(([name]) => name)).toEqual(['sensor'])
    expect(compose.services.sensor?.cap_add).toEqual(['NET_RAW'])
    for (const [, { cap_drop: dropped }] of own) expect(dropped).toEqual(['ALL'])
    expect(compose.services.sensor?.network_mode).toBe('service:sample-api')
  })

  test('sensor and analyzer speak of one topic, and it is made', () => {
    const sensor = parse(read('examples/compose/sensor.yaml')) as { sinks: { kafka: { topic: string } } }
    const analyzer = parse(read('examples/compose/analyzer.yaml')) as {
      sources: { topics: string[]; group_id?: string }[]
    }
    const made = read('examples/compose/topics.sh')
    const topics = analyzer.sources.flatMap((source) => source.topics)
    expect(topics).toContain(sensor.sinks.kafka.topic)
    for (const topic of topics) expect(made).toContain(topic)
    // Two sources in one group would take partitions of topics they do not read.
    expect(new Set(analyzer.sources.map(({ group_id: group = 'offpath' }) => group)).size).toBe(topics.length)
  })
})

describe('Dockerfile', () => {
  const lines = read('Dockerfile').split('\n')
  const stages = [...read('Dockerfile').matchAll(/^FROM (\S+) AS (\S+)$/gm)].map(([, from, name]) => ({ from, name }))

  test('every base is pinned or a stage before', () => {
    for (const [index, { from }] of stages.entries()) {
      if (!stages.slice(0, index).some(({ name }) => name === from)) expect(from).toMatch(PINNED)
    }
    expect(stages.map(({ name }) => name)).toEqual(['build', 'analyzer', 'sensor'])
  })

  test('each image ends as a plain user', () => {
    const users = lines.flatMap((line, at) => (line.startsWith('USER ') ? [{ user: line.slice(5), at }] : []))
    const ends = stages.slice(1).map(({ name }, index) => {
      const next = stages[index + 2]?.name
      const end = next === undefined ? lines.length : lines.findIndex((line) => line.endsWith(` AS ${next}`))
      return { name, user: users.filter(({ at }) => at < end).at(-1)?.user }
    })
    expect(ends).toEqual([
      { name: 'analyzer', user: '10001' },
      { name: 'sensor', user: '10001' },
    ])
  })

  test('its commands are there', () => {
    const commands = lines.flatMap((line) => (line.startsWith('CMD [') ? [JSON.parse(line.slice(4)) as string[]] : []))
    expect(commands).toHaveLength(2)
    for (const command of commands) expectRunnable(command)
  })
})

describe.each(['offpath.service', 'offpath-sensor.service'])('packaging/%s', (unit) => {
  const text = read(join('packaging', unit))

  test('runs a command that there is', () => {
    const [, command = ''] = /^ExecStart=\S+ \S+offpath\.js (.*)$/m.exec(text) ?? []
    expectRunnable(command.split(' '))
  })

  test('never as root, and with no right but those of the capture', () => {
    expect(text).toMatch(/^User=offpath$/m)
    expect(text).toMatch(/^NoNewPrivileges=yes$/m)
    const bounds = /^CapabilityBoundingSet=(.*)$/m.exec(text)?.[1]
    expect(bounds).toBe(unit.includes('sensor') ? 'CAP_NET_RAW CAP_SETUID' : '')
  })

  test.skipIf(spawnSync('which', ['systemd-analyze']).status !== 0)('systemd understands it', () => {
    const { stderr } = spawnSync('systemd-analyze', ['verify', join(ROOT, 'packaging', unit)], { encoding: 'utf8' })
    // That the program is not installed here is no fault of the unit.
    expect(
      stderr.split('\n').filter((line) => line !== '' && !/not executable|man |Failed to (open|connect)/.test(line)),
    ).toEqual([])
  })
})
