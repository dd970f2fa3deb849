import { join } from 'node:path'

/** What was learnt; beside it, as `.previous`, the snapshot before. */
export function learningPath(stateFolder: string): string {
  return join(stateFolder, 'state', 'learning')
}

/** What other daemons learnt, from files (offpath baseline import --merge), counted beside it. */
export function mergedPath(stateFolder: string): string {
  return join(stateFolder, 'state', 'learning-merged')
}
