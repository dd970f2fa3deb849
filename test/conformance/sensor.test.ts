import { describe, expect, test } from 'vitest'
import { DetectorSet } from '../../analyzers/analysis.ts'
import { captureBlind } from '../../analyzers/detectors/capture-blind.ts'
import { captureSilent } from '../../analyzers/detectors/capture-silent.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { DAY_US, type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { SensorWindows } from '../../daemon/telemetry/sensor-windows.ts'
import { SourceTally } from '../../daemon/telemetry/source-tallies.ts'
import { fakeTelemetry } from '../fake-exchange.ts'

/** A source as its tally grows, second by second, under both detectors of the sensor. */
class Sensor {
  tally = new SourceTally({ kind: 'pcap', name: 'eth1' })
  windows = new SensorWindows()
  readonly telemetry = fakeTelemetry()
  detectors: DetectorSet
  readonly signals: Signal[] = []
  now: EventTime = Math.floor(Date.UTC(2026, 10, 20, 9) / 1000) * SECOND_US

  constructor(options: Readonly<Record<string, unknown>> = {}) {
    this.detectors = this.#newDetectors(options)
  }

  #newDetectors(options: Readonly<Record<string, unknown>>): DetectorSet {
    return new DetectorSet(
      [captureBlind, captureSilent].map((declaration) => ({ declaration, options })),
      this.telemetry,
      (_, error) => {
        throw error
      },
    )
  }

  /** Goes on in another process, with what was learnt; of the parts named only. */
  restart(...names: readonly string[]): this {
    const next = this.#newDetectors({})
    for (const part of this.detectors.parts().filter(({ name }) => names.length === 0 || names.includes(name))) {
      const into = next.parts().find(({ name }) => name === part.name)!
      for (const line of part.snapshot()) into.restore(JSON.parse(JSON.stringify(line)))
    }
    this.detectors = next
    this.windows = new SensorWindows()
    this.tally = new SourceTally({ kind: 'pcap', name: 'eth1' })
    return this
  }

  /** One second; `grow` says what came in it. */
  second(grow: (tally: SourceTally) => void = () => {}): void {
    this.now += SECOND_US
    grow(this.tally)
    this.signals.push(...this.detectors.sense(this.windows.take([this.tally.sample()], this.now)))
  }

  seconds(count: number, grow?: (tally: SourceTally) => void): this {
    for (let i = 0; i < count; i++) this.second(grow)
    return this
  }

  said(): string[] {
    return this.signals.map(({ detector, severity, over }) => `${detector} ${over === true ? 'over' : severity}`)
  }
}

/** A hundred frames with 100 KB a second. */
const traffic = (tally: SourceTally) => {
  tally.frames += 100
  tally.segments += 100
  tally.bytes += 100_000
}
const lossy = (share: number) => (tally: SourceTally) => {
  traffic(tally)
  for (let i = 0; i < 100_000 * share; i += 1000) tally.lostBehind(1_000_000, 1000)
}

describe('a blind sensor', () => {
  test('is told once a minute while it lasts, graver when it is half blind, and closed when it sees again', () => {
    const sensor = new Sensor().seconds(120, traffic)
    expect(sensor.said()).toEqual([])
    sensor.seconds(150, lossy(0.1))
    expect(sensor.said()).toEqual(['capture.blind medium', 'capture.blind medium'])
    expect(sensor.detectors.learning).toMatchObject({ frozen: true, blindTo: ['pcap:eth1'] })
    sensor.seconds(60, lossy(1))
    expect(sensor.said().at(-1)).toBe('capture.blind high')
    sensor.seconds(120, traffic)
    expect(sensor.said().at(-1)).toBe('capture.blind over')
    expect(sensor.detectors.learning).toMatchObject({ frozen: false, blindTo: [] })
    expect(sensor.telemetry.counters.get('learning.frozen_seconds')).toBeGreaterThan(180)
  })

  test('frames that the kernel dropped are named with what to do', () => {
    const sensor = new Sensor().seconds(90, (tally) => {
      traffic(tally)
      tally.frames += 20
      tally.kernelDrops += 20
    })
    expect(sensor.said()[0]).toBe('capture.blind medium')
    expect(sensor.signals[0]!.why).toContain('raise ring_mib')
    expect(sensor.signals[0]!.subject).toEqual({ kind: 'device', value: 'source:pcap:eth1' })
  })

  test('a little loss, and a burst of loss in little traffic, is none', () => {
    const some = new Sensor().seconds(600, lossy(0.02))
    expect(some.said()).toEqual([])
    const few = new Sensor().seconds(60, (tally) => {
      tally.segments++
      tally.bytes += 100
    })
    few.second((tally) => tally.lostBehind(100, 5000))
    expect(few.seconds(60).said()).toEqual([])
  })

  test('clients that acknowledge what no server sent do not blind a sensor with real traffic', () => {
    // Two connections of an attacker, each with a hole of gigabytes every two seconds.
    const sensor = new Sensor().seconds(300, (tally) => {
      traffic(tally)
      tally.lostBehind(600, 1_000_000_000)
    })
    expect(sensor.said()).toEqual([])
  })

  test('learning goes on after a day of it', () => {
    const sensor = new Sensor()
    sensor.seconds(120, lossy(0.2))
    expect(sensor.detectors.learning.frozen).toBe(true)
    sensor.now += DAY_US
    sensor.seconds(60, lossy(0.2))
    expect(sensor.detectors.learning).toMatchObject({ frozen: false, blindTo: ['pcap:eth1'] })
  })
})

describe('a link of one side', () => {
  const judged = (vlan: number, sides: 'both' | 'first' | 'second') => (tally: SourceTally) => {
    traffic(tally)
    tally.judged(vlan, -1, sides)
  }

  test('is named with its VLAN, learning goes on, and it is over when both directions come', () => {
    const sensor = new Sensor().seconds(100, judged(12, 'first')).seconds(100, judged(13, 'both'))
    expect(new Set(sensor.said())).toEqual(new Set(['capture.blind medium']))
    expect(sensor.signals[0]!.subject.value).toBe('source:pcap:eth1 vlan 12')
    expect(sensor.signals[0]!.why).toContain('no responses')
    expect(sensor.detectors.learning.frozen).toBe(false)
    sensor.seconds(200, judged(12, 'both'))
    expect(sensor.said().at(-1)).toBe('capture.blind over')
    expect(sensor.signals.every(({ subject }) => subject.value === 'source:pcap:eth1 vlan 12')).toBe(true)
  })

  test('a few odd connections among many are none', () => {
    const sensor = new Sensor()
    for (let i = 0; i < 600; i++) sensor.second(judged(-1, i % 4 === 0 ? 'first' : 'both'))
    expect(sensor.said()).toEqual([])
  })
})

/** Traffic in every second with this chance, by hour of the day; deterministic. */
function day(sensor: Sensor, chance: (hour: number) => number, hours = 24): void {
  for (let second = 0; second < hours * 3600; second++) {
    const hour = (sensor.now / HOUR_US) % 24
    const share = ((second * 7919) % 1009) / 1009
    sensor.second(share < chance(hour) ? traffic : undefined)
  }
}

describe('a silent source', () => {
  /** A tenth every two hours away from one o'clock. */
  const office = (hour: number) => 10 ** (-Math.abs(hour - 13) / 2)

  test('a night that comes by degrees, and the day after it, are no silence', () => {
    const sensor = new Sensor()
    day(sensor, office, 48)
    expect(sensor.said()).toEqual([])
  })

  test('the same hour next day is known: four minutes of nothing at noon are told, gravely', () => {
    const sensor = new Sensor()
    day(sensor, office, 28) // until one o'clock of the second day
    sensor.seconds(240)
    expect(sensor.said()).toEqual(['capture.silent high'])
    expect(sensor.signals[0]!.why).toContain('usual at this hour')
    sensor.seconds(5, traffic)
    expect(sensor.said()).toEqual(['capture.silent high', 'capture.silent over'])
  })

  test('a night that is silent every night is none, however busy the evening', () => {
    const sensor = new Sensor({})
    const shop = (hour: number) => (hour >= 8 && hour < 20 ? 0.9 : 0)
    day(sensor, shop, 48)
    // The first evenings look like an outage, and say that the hour is not known.
    expect(sensor.said()).toEqual(expect.arrayContaining(['capture.silent medium']))
    expect(sensor.said()).not.toContain('capture.silent high')
    sensor.signals.length = 0
    day(sensor, shop, 24)
    expect(sensor.said()).toEqual([])
  })

  test('maintenance of a service behind it is none: health checks and refused connections go on', () => {
    const sensor = new Sensor().seconds(1800, traffic)
    sensor.seconds(1800, (tally) => {
      // Every five seconds a balancer finds nobody at home.
      if (sensor.now % (5 * SECOND_US) === 0) tally.segments += 2
    })
    expect(sensor.said()).toEqual([])
  })

  test('an interface that is taken down for maintenance is told with the reason, and closed when it is back', () => {
    const sensor = new Sensor().seconds(60, traffic)
    sensor.windows.state('pcap', 'eth1', 'down', 'interface eth1 is down')
    sensor.seconds(10)
    expect(sensor.said()).toEqual([])
    sensor.seconds(20)
    expect(sensor.said()).toEqual(['capture.silent high'])
    expect(sensor.signals[0]!.why).toContain('interface eth1 is down')
    sensor.windows.state('pcap', 'eth1', 'reading', null)
    sensor.seconds(3, traffic)
    expect(sensor.said()).toEqual(['capture.silent high', 'capture.silent over'])
  })

  test('a file that ended is over, and a source that never was steady is not watched', () => {
    const file = new Sensor().seconds(1800, traffic)
    file.tally.ended++
    expect(file.seconds(1800).said()).toEqual([])
    const rare = new Sensor()
    for (let i = 0; i < 3600; i++) rare.second(i % 120 === 0 ? traffic : undefined)
    expect(rare.seconds(3600).said()).toEqual([])
  })
})

describe('after a restart', () => {
  const silence = () => new Sensor().seconds(1800, traffic)

  test('a source that was steady before it is watched at once, and one that is new to it is not', () => {
    expect(silence().restart().seconds(5, traffic).seconds(300).said()).toContain('capture.silent medium')
    expect(silence().restart('learning-gate').seconds(5, traffic).seconds(300).said()).toEqual([])
  })

  test('a sensor that was blind is still blind: learning stands still, and it is over when it sees again', () => {
    const blind = () => new Sensor().seconds(120, traffic).seconds(150, lossy(0.1))
    const told = blind().said().length
    const sensor = blind().restart()
    expect(sensor.detectors.learning.frozen).toBe(true)
    expect(sensor.seconds(200, traffic).said().slice(told)).toContain('capture.blind over')
    expect(blind().restart('learning-gate').seconds(200, traffic).said().slice(told)).not.toContain(
      'capture.blind over',
    )
  })
})

test('the same sensor says the same', () => {
  const run = () => {
    const sensor = new Sensor().seconds(1200, traffic).seconds(120, lossy(0.3)).seconds(600).seconds(60, traffic)
    return sensor.signals
  }
  expect(run()).toEqual(run())
})

test('every detector that learns can be frozen', () => {
  // What was declared is all that one knows, and the other keeps nothing.
  const learning = DETECTORS.filter(({ id }) => id !== 'scan.tripwire' && id !== 'baseline.model_changed')
  for (const declaration of learning) {
    const detector = declaration.create(declaration.options.parse({}))
    expect(detector.freeze !== undefined || detector.sense !== undefined, declaration.id).toBe(true)
  }
})

test('twenty minutes are read in a moment', () => {
  const before = performance.now()
  new Sensor().seconds((20 * MINUTE_US) / SECOND_US, traffic)
  expect(performance.now() - before).toBeLessThan(2000)
})
