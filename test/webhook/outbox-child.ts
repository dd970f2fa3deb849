import { createLogger } from '../../daemon/telemetry/log.ts'
import { Outbox } from '../../sinks/webhook/outbox.ts'

/** A process that publishes three events and then is killed: argv is the file of the outbox and the receiver's URL. */
const [path = '', url = '', mode = ''] = process.argv.slice(2)
const outbox = await Outbox.open({
  path,
  endpoints: [
    { name: 'siem', url, secrets: [Buffer.alloc(32, 7)], events: ['incident'], caFile: null, timeoutMs: 10_000 },
  ],
  userAgent: 'Offpath/test',
  logger: createLogger('silent', { write: () => undefined }),
})
if (mode === 'publish') {
  const types = ['offpath.incident.opened.v1', 'offpath.incident.updated.v1', 'offpath.incident.closed.v1'] as const
  for (const type of types) await outbox.publish({ id: type, kind: 'incident', type, subject: 'i1', body: '{}' })
}
process.stdout.write('durable\n')
setInterval(() => {
  if (outbox.deliveries({ state: 'pending' }).length === 0) process.stdout.write('delivered\n')
}, 20)
