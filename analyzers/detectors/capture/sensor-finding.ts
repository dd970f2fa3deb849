import type { Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import { type TickFinding, tickSignal } from '../../tick-signal.ts'

/** What a detector has to say about a source of the sensor itself. */
export interface SensorFinding extends Omit<TickFinding, 'subject' | 'about' | 'service'> {
  readonly detector: 'capture.blind' | 'capture.silent'
  /** `pcap:eth1`, or a link of it: `pcap:eth1 vlan 12`. */
  readonly source: string
}

/** A signal without a transaction, at a tick: findings about absence (contracts.md, Incident). */
export function sensorSignal({ detector, source, ...said }: SensorFinding, now: EventTime): Signal {
  const subject = { kind: 'device', value: `${SOURCE}${source}` }
  return tickSignal(detector, { ...said, subject, about: source, service: null }, now)
}

/** What the value of a subject begins with that is no caller but one of the sensor's own sources: `source:pcap:eth1`. */
const SOURCE = 'source:'

/** Whether an incident is about a source of the sensor, which is nobody who could have taught anything. */
export function isAboutSource(subject: { readonly kind: string; readonly value: string }): boolean {
  return subject.kind === 'device' && subject.value.startsWith(SOURCE)
}
