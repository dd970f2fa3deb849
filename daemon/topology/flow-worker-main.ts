import { parentPort, workerData } from 'node:worker_threads'
import { keyFrom } from '../identity/privacy-key.ts'
import { loadRuleCompiler } from '../payload/rules/compiler.ts'
import { FlowWorker, type FlowWorkerSettings, type ToFlowWorker } from './flow-worker.ts'

/** Entry of a flow worker's thread. It ends when it is terminated, or throws, which its owner hears. */
const settings = workerData as FlowWorkerSettings
const port = parentPort!
const { options } = settings
// What comes from another thread is bytes, and no Buffer any more.
const key = keyFrom(Buffer.from(options.key.bytes))
await loadRuleCompiler(options.payloadRules.rules)
const worker = new FlowWorker({ ...settings, options: { ...options, key } }, (message, transfer) =>
  port.postMessage(message, transfer),
)
port.on('message', (message: ToFlowWorker) => {
  if (message.kind !== 'payload_rules') worker.take(message)
  else void loadRuleCompiler(message.rules).then(() => worker.take(message))
})
