import { expect, test } from 'vitest'
import { TEST_KEY } from '../identity/privacy-key.ts'
import type { LearningPart } from '../model/learning.ts'
import { Counters } from '../telemetry/counters.ts'
import { PeerLearning } from './peer-learning.ts'

test('what was told in files counts beside what others tell, of this version only; the rest is counted', async () => {
  const heard: unknown[][] = []
  const part: LearningPart = {
    name: 'endpoints',
    version: 1,
    snapshot: () => [],
    restore: () => undefined,
    reset: () => undefined,
    shared: { version: 2, tell: () => [], hear: (lines) => void heard.push([...lines]) },
  }
  const counters = new Counters()
  const learning = new PeerLearning({
    sharing: null,
    kept: [
      { name: 'endpoints', version: 2, lines: '["of today"]\n' },
      { name: 'endpoints', version: 1, lines: '["of an older program"]\n' },
      { name: 'unheard-of', version: 2, lines: '["of another program"]\n' },
    ],
    key: TEST_KEY,
    everySeconds: 60,
    counters,
    parts: () => [part],
    now: () => 0,
    send: () => expect.fail(),
    failed: (error) => expect.fail(String(error)),
  })
  await learning.hear([], 0)
  expect(heard).toEqual([[['of today']]])
  expect(counters.get('learning.peers_refused.version')).toBe(2)
})
