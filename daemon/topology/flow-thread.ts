import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { FlowWorkerSettings, FromFlowWorker, ToFlowWorker } from './flow-worker.ts'

/** A flow worker as its owner sees it. */
export interface FlowThread {
  post(message: ToFlowWorker, transfer: ArrayBuffer[]): void
  /** At once; nothing is heard of it afterwards. */
  terminate(): void
}

export interface FlowThreadListeners {
  readonly message: (message: FromFlowWorker) => void
  /** It will give nothing more, and was not told to end. */
  readonly failed: (error: Error) => void
}

export type StartFlowThread = (settings: FlowWorkerSettings, listeners: FlowThreadListeners) => FlowThread

const SCRIPT = join(import.meta.dirname, 'flow-worker.js')

/** Whether threads can be started: from sources, without a build, there is no file to start them with. */
export function canStartFlowThreads(): boolean {
  return existsSync(SCRIPT)
}

export const startFlowThread: StartFlowThread = (settings, listeners) => startThread(SCRIPT, settings, listeners)

/** `script`: its entry. */
export function startThread(
  script: string,
  settings: FlowWorkerSettings,
  { message, failed }: FlowThreadListeners,
): FlowThread {
  const worker = new Worker(script, { workerData: settings, name: 'flows' })
  let over = false
  const fail = (error: Error) => {
    if (over) return
    over = true
    failed(error)
  }
  worker.on('message', (from: FromFlowWorker) => {
    if (!over) message(from)
  })
  worker.on('error', (error) => fail(error instanceof Error ? error : new Error(String(error))))
  worker.on('exit', (code) => fail(new Error(`a flow worker ended by itself (exit ${code})`)))
  return {
    post: (to, transfer) => worker.postMessage(to, transfer),
    terminate: () => {
      over = true
      void worker.terminate()
    },
  }
}
