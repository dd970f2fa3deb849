import { expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import { START, transaction, user } from '../../test/conformance/traffic.ts'
import { propertyExposure } from './property-exposure.ts'

/** An endpoint that gives twelve people their order once in five minutes. */
class Orders {
  readonly #detector = propertyExposure.create(propertyExposure.options.parse({}))
  now = START
  #turn = 0

  /** Answers with these fields besides, for so long. */
  give(more: object, forUs: EventTime): Signal[] {
    const signals: Signal[] = []
    for (const end = this.now + forUs; this.now < end; this.now += 5 * MINUTE_US) {
      const responseBody = JSON.stringify({ id: 17, state: 'paid', ...more })
      const signal = this.#detector.observe(
        transaction({
          ...user(`person${this.#turn++ % 12}`),
          time: this.now,
          endpoint: 'GET /v1/orders/{id}',
          knownEndpoint: true,
          responseBody,
          responseBodyBytes: responseBody.length,
        }),
        this.now,
      )
      if (signal !== null) signals.push(signal)
    }
    return signals
  }
}

const IBAN = { iban: 'DE02100100100006820101' }

test('what is given for good is told for a day, once an hour, and then taken as how it is', () => {
  const orders = new Orders()
  expect(orders.give({}, 6 * HOUR_US)).toEqual([])
  expect(orders.give(IBAN, 24 * HOUR_US)).toHaveLength(24)
  expect(orders.give(IBAN, 12 * HOUR_US)).toEqual([])
})

test('what was taken back within hours is new when it comes back', () => {
  const orders = new Orders()
  orders.give({}, 6 * HOUR_US)
  expect(orders.give(IBAN, 3 * HOUR_US)).toHaveLength(3)
  expect(orders.give({}, 30 * HOUR_US)).toEqual([])
  expect(orders.give(IBAN, 3 * HOUR_US)).toHaveLength(3)
})
