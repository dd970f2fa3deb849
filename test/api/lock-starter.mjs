// Locks each folder it is sent by its parent, and answers with how that went.

import { join } from 'node:path'
import { build } from 'esbuild'

const { outputFiles } = await build({
  entryPoints: [join(import.meta.dirname, '../../daemon/api/lock.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  write: false,
})
const { lockFolder } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
)

process.on('message', async (folder) => {
  const answer = await lockFolder(folder).then(
    () => 'held',
    (error) => error.code ?? String(error),
  )
  process.send(answer)
})
process.on('disconnect', () => process.exit())
process.send('ready')
