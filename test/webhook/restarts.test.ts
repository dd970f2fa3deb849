import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createLogger } from '../../daemon/telemetry/log.ts'
import { Outbox } from '../../sinks/webhook/outbox.ts'
import { COMMAND_LADDER, NOTIFICATION_LADDER } from '../../sinks/webhook/retry.ts'
import { Receiver } from './receiver.ts'

const HOUR = 3_600_000
const TYPES = [
  'offpath.incident.opened.v1',
  'offpath.incident.closed.v1',
  'offpath.action.result.v1',
  'offpath.action.reverted.v1',
] as const

const published = fc.record({ type: fc.constantFrom(...TYPES), subject: fc.constantFrom('i1', 'i2') })
const answers = fc.array(fc.constantFrom(204, 500, 503, 422, null), { maxLength: 12 })
const restarts = fc.array(fc.nat(3), { maxLength: 6 })

test('whatever receivers answer and whenever the process is restarted, every event ends, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(published, { minLength: 1, maxLength: 12 }),
      answers,
      restarts,
      async (events, given, cuts) => {
        const folder = mkdtempSync(join(tmpdir(), 'offpath-restarts-'))
        const receiver = await Receiver.listen()
        const statuses = new Map<string, (number | null)[]>()
        const rest = [...given]
        receiver.behave = (response, _request, { id }) => {
          const status = rest.length === 0 ? 204 : rest.shift()!
          statuses.set(id, [...(statuses.get(id) ?? []), status])
          if (status === null) response.socket?.destroy()
          else response.writeHead(status).end()
        }
        let aheadMs = 0
        const open = () =>
          Outbox.open({
            path: join(folder, 'outbox'),
            endpoints: [
              {
                name: 'siem',
                url: receiver.url,
                secrets: [Buffer.alloc(32)],
                events: ['incident', 'action'],
                caFile: null,
                timeoutMs: 2000,
              },
            ],
            userAgent: 'Offpath/test',
            logger: createLogger('silent', { write: () => undefined }),
            nowMs: () => Date.now() + aheadMs,
          })
        let outbox = await open()
        try {
          for (const [index, { type, subject }] of events.entries()) {
            const kind = type.startsWith('offpath.action') ? 'action' : 'incident'
            await outbox.publish({ id: `e${index}`, kind, type, subject, body: '{}' })
            if (cuts[0] === index % 4) {
              cuts.shift()
              await outbox.stop(0)
              outbox = await open()
            }
          }
          for (let round = 0; round < 60 && outbox.deliveries({ state: 'pending' }).length > 0; round++) {
            await new Promise((resolve) => setTimeout(resolve, 10))
            if (outbox.deliveries({ state: 'pending' }).length === 0) break
            await outbox.stop(1000)
            aheadMs += HOUR
            outbox = await open()
          }
          const ends = new Map(outbox.deliveries({ limit: 1000 }).map(({ event, state }) => [event, state]))
          for (const [index, { type }] of events.entries()) {
            const seen = statuses.get(`e${index}`) ?? []
            const command = type === 'offpath.action.reverted.v1'
            if (ends.get(`e${index}`) === 'delivered') expect(seen).toContain(204)
            else {
              expect(ends.get(`e${index}`)).toBe('dead')
              const ladder = command ? COMMAND_LADDER : NOTIFICATION_LADDER
              expect(seen.includes(422) || seen.length === ladder.length).toBe(true)
            }
          }
          // What was received first per incident came in the order of publishing.
          for (const lane of ['i1', 'i2'].flatMap(
            (subject) =>
              [
                [subject, true],
                [subject, false],
              ] as const,
          )) {
            const of = (id: string) => events[Number(id.slice(1))]!
            const first = [...new Set(receiver.received.map(({ id }) => id))].filter(
              (id) => of(id).subject === lane[0] && (of(id).type === 'offpath.action.reverted.v1') === lane[1],
            )
            expect(first).toEqual([...first].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1))))
          }
        } finally {
          await outbox.stop(0)
          await receiver.close()
          rmSync(folder, { recursive: true, force: true })
        }
      },
    ),
    { numRuns: 25 },
  )
})
