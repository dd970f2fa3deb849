import type { ValidatedConfig } from '../config/schema.ts'
import { keyFrom } from '../identity/privacy-key.ts'
import type { LearningPart } from '../model/learning.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { assemble } from '../topology/assemble.ts'
import { buildDetection } from '../topology/detection.ts'
import { learningLines, outlineOf, restoreLearning } from '../topology/learning-file.ts'
import { sharedOf } from '../topology/told-lines.ts'
import { readLearning } from './baseline-file.ts'

/** Nothing is hashed or compared with it: what a file holds is only read. */
const NO_KEY = keyFrom(Buffer.alloc(32))

/**
 * What files of `export` tell other daemons (of endpoints, services and populations, not of single callers), as lines of a file of
 * learning. All of them under one privacy key. Throws OFFPATH_E_NO_FILE, OFFPATH_E_STATE.
 */
export async function mergedLines(files: readonly string[], config: ValidatedConfig): Promise<string[]> {
  const parts: LearningPart[] = []
  let keyId: string | null = null
  for (const path of files) {
    await readLearning(path)
    const { keyId: own } = await outlineOf({ path })
    if (keyId !== null && own !== keyId) {
      throw new OffpathError('OFFPATH_E_STATE', `it was learnt under the privacy key ${own}, another under ${keyId}`, {
        at: path,
        remedy: 'Merge files of one deployment.',
      })
    }
    keyId = own
    for (const { name, shared } of sharedOf(await restored(path, own, config))) {
      const snapshot = () => shared.tell()
      parts.push({ name, version: shared.version, snapshot, restore: () => undefined, reset: () => undefined })
    }
  }
  return [...learningLines(parts, keyId ?? '', () => ({ now: null, topics: [] }))]
}

async function restored(path: string, keyId: string, config: ValidatedConfig): Promise<readonly LearningPart[]> {
  const { learning } = assemble({
    config: { ...config, limits: { ...config.limits, workers: 0 } },
    key: NO_KEY,
    bodies: false,
    detect: buildDetection,
    listeners: {},
    detectorFailed: () => undefined,
  })
  await restoreLearning({ path }, learning, { id: keyId, previous: [] })
  return learning
}
