import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** One step of a scripted conversation, for servers and clients odder than any real one. `text` is latin1. */
export interface Step {
  readonly from: 'client' | 'server'
  readonly text?: string
  /** One byte per segment. */
  readonly drip?: boolean
  readonly delayMs?: number
  readonly ending?: 'fin' | 'reset'
}

/** Plays one side: before each step of its own, waits for all that the other side said in the steps before. */
export async function play(socket: Socket, side: 'client' | 'server', steps: readonly Step[]): Promise<void> {
  socket.setNoDelay(true)
  let received = 0
  let owed = 0
  let ended = false
  let wake = () => {}
  socket.on('data', (chunk) => {
    received += chunk.length
    wake()
  })
  for (const event of ['end', 'close', 'error']) {
    socket.on(event, () => {
      ended = true
      wake()
    })
  }
  const heard = async () => {
    while (received < owed && !ended) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  for (const step of steps) {
    const text = Buffer.from(step.text ?? '', 'latin1')
    if (step.from !== side) {
      owed += text.length
      continue
    }
    await heard()
    await sleep(step.delayMs ?? 2)
    if (step.drip) {
      for (const byte of text) {
        socket.write(Buffer.of(byte))
        await sleep(1)
      }
    } else if (text.length > 0) socket.write(text)
    if (step.ending === 'fin') socket.end()
    if (step.ending === 'reset') {
      await sleep(5)
      socket.resetAndDestroy()
    }
  }
  await heard()
  await sleep(10)
  if (!socket.destroyed) {
    socket.end()
    if (!ended) await Promise.race([once(socket, 'close'), sleep(300)])
  }
  socket.destroy()
}
