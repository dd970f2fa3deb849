import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { ChangingFile } from './changing-file.ts'

test('a change after it was made is seen, also one before the first look, and none twice', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-changing-'))
  const path = join(folder, 'file')
  writeFileSync(path, 'one')
  const file = new ChangingFile(path)
  try {
    writeFileSync(path, 'the second')
    const changed = vi.fn()
    file.watch(changed, 5)
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(1))
    rmSync(path)
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(2))
    writeFileSync(path, 'the third')
    await vi.waitFor(() => expect(changed.mock.calls.length).toBeGreaterThanOrEqual(3))
  } finally {
    file.close()
    rmSync(folder, { recursive: true })
  }
})
