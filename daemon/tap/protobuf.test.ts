import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode } from '../../test/tap/decode.ts'
import { ENVOY_TAP, OTLP_TRACES, readProtobuf } from './protobuf.ts'

/** An encoder of its own, by the wire format: fields as `[number, value]`. */
type Wire = readonly (readonly [number, string | Buffer | number | bigint | Wire])[]

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}

/** bigint: fixed64. */
function encode(fields: Wire): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'number') return [varint(number * 8), varint(value)]
      if (typeof value === 'bigint') {
        const fixed = Buffer.alloc(8)
        fixed.writeBigUInt64LE(value)
        return [varint(number * 8 + 1), fixed]
      }
      const bytes = Buffer.isBuffer(value) ? value : typeof value === 'string' ? Buffer.from(value) : encode(value)
      return [varint(number * 8 + 2), varint(bytes.length), bytes]
    }),
  )
}

const attribute = (key: string, value: string | number): Wire => [
  [1, key],
  [2, typeof value === 'string' ? [[1, value]] : [[3, value]]],
]
const SPAN: Wire = [
  [1, Buffer.from('5b8efff798038103d269b633813fc60c', 'hex')],
  [2, Buffer.from('eee19b7ec3c1b174', 'hex')],
  [5, 'GET /v1/orders/{id}'],
  [6, 2],
  [7, 1_795_290_610_000_000_000n],
  [8, 1_795_290_610_030_000_000n],
  [9, attribute('http.request.method', 'GET')],
  [9, attribute('url.path', '/v1/orders/9')],
  [9, attribute('http.route', '/v1/orders/{id}')],
  [9, attribute('http.response.status_code', 200)],
  [9, attribute('client.address', '203.0.113.9')],
  [
    9,
    [
      [1, 'http.request.header.accept'],
      [
        2,
        [
          [
            5,
            [
              [1, [[1, 'text/html']]],
              [1, [[1, 'text/plain']]],
            ],
          ],
        ],
      ],
    ],
  ],
  [15, [[3, 1]]],
]
const TRACES = encode([
  [
    1,
    [
      [1, [[1, attribute('service.name', 'orders')]]],
      [
        2,
        [
          [1, [[1, 'library']]],
          [2, SPAN],
          [2, SPAN],
        ],
      ],
    ],
  ],
])
const header = (key: string, value: string): Wire => [
  [1, key],
  [2, value],
]
const TAP = encode([
  [
    1,
    [
      [
        1,
        [
          [1, header(':method', 'POST')],
          [1, header(':path', '/v1/users?page=2')],
          [1, header(':authority', 'api.shop.test')],
          [
            2,
            [
              [1, '{"name":"x"}'],
              [3, 0],
            ],
          ],
          [
            4,
            [
              [1, 1_795_290_610],
              [2, 250_000_000],
            ],
          ],
        ],
      ],
      [
        2,
        [
          [1, header(':status', '201')],
          [2, [[1, '{"id":7}']]],
          [
            4,
            [
              [1, 1_795_290_610],
              [2, 300_000_000],
            ],
          ],
        ],
      ],
      [
        3,
        [
          [
            2,
            [
              [
                1,
                [
                  [2, '203.0.113.9'],
                  [3, 51_000],
                ],
              ],
            ],
          ],
        ],
      ],
    ],
  ],
])

describe('protobuf', () => {
  test('spans have the members that they have as JSON', () => {
    const read = readProtobuf(TRACES, OTLP_TRACES) as { resourceSpans: { scopeSpans: { spans: object[] }[] }[] }
    const [span, again] = read.resourceSpans[0]!.scopeSpans[0]!.spans
    expect(again).toEqual(span)
    expect(span).toMatchObject({
      traceId: '5b8efff798038103d269b633813fc60c',
      spanId: 'eee19b7ec3c1b174',
      kind: 2,
      startTimeUnixNano: '1795290610000000000',
    })
    expect((span as { attributes: object[] }).attributes).toContainEqual({
      key: 'http.response.status_code',
      value: { intValue: 200 },
    })
  })

  test('a topic of either is recognised, and gives what the same gives as JSON', () => {
    for (const [bytes, message, name] of [
      [TRACES, OTLP_TRACES, 'otlp'],
      [TAP, ENVOY_TAP, 'envoy-tap'],
    ] as const) {
      const wire = decode([bytes, bytes], 'auto', { topic: true, timestampMs: 1_795_290_611_000 })
      const record = JSON.stringify(readProtobuf(bytes, message))
      const text = decode([record, record], name, { topic: true, timestampMs: 1_795_290_611_000 })
      expect(wire.decoder.format?.preset.name).toBe(name)
      const facts = (lines: readonly string[]) => lines.map((line) => ({ ...JSON.parse(line), id: null }))
      expect(facts(wire.lines)).toEqual(facts(text.lines))
      expect(wire.lines.length).toBeGreaterThan(1)
    }
    const [tap] = decode([TAP], 'envoy-tap', { topic: true, timestampMs: 0 }).transactions
    expect(tap).toMatchObject({
      method: 'POST',
      path: '/v1/users',
      query: 'page=2',
      status: 201,
      clientIp: '203.0.113.9',
    })
    expect(tap).toMatchObject({ requestBody: '{"name":"x"}', responseBody: '{"id":7}', durationUs: 50_000 })
  })

  test('cut anywhere, no more is read than stands there', () => {
    for (let end = 0; end < TRACES.length; end++) expect(readProtobuf(TRACES.subarray(0, end), OTLP_TRACES)).toBeNull()
  })

  test('any bytes end, and grow nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const message of [OTLP_TRACES, ENVOY_TAP]) readProtobuf(Buffer.from(bytes), message)
      }),
      { numRuns: 2000 },
    )
    // Nothing but empty messages, two bytes each.
    expect(readProtobuf(Buffer.alloc(400_000, Buffer.from([0x0a, 0])), OTLP_TRACES)).toBeNull()
    // Values within values.
    let deep: Wire = [[1, 'x']]
    for (let i = 0; i < 50; i++) deep = [[5, [[1, deep]]]]
    const span: Wire = [
      [
        9,
        [
          [1, 'deep'],
          [2, deep],
        ],
      ],
    ]
    expect(readProtobuf(encode([[1, [[2, [[2, span]]]]]]), OTLP_TRACES)).toBeNull()
  })
})
