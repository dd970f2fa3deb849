import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { DETECTORS } from '../../analyzers/registry.ts'
import { ensureBuilt, offpath, ROOT } from '../../test/integration/program.ts'
import { detectorTable, session, withMadeParts } from './readme.ts'

beforeAll(ensureBuilt)

test('the README shows what the program prints', async () => {
  const files = ['demo/day.jsonl.gz', 'demo/scene.pcap.gz']
  const replayed = await offpath(['replay', ...files.map((file) => join(ROOT, file))])
  expect(replayed).toMatchObject({ status: 0, stderr: '' })
  const readme = withMadeParts(readFileSync(join(ROOT, 'README.md'), 'utf8'), {
    replay: session(`offpath replay ${files.join(' ')}`, replayed.stdout),
    detectors: detectorTable(DETECTORS),
  })
  await expect(readme).toMatchFileSnapshot(join(ROOT, 'README.md'))
})
