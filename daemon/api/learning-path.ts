import { join } from 'node:path'

/** What was learnt; beside it, as `.previous`, the snapshot before. */
export function learningPath(stateFolder: string): string {
  return join(stateFolder, 'state', 'learning')
}
