import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'

/** What is told beside `scene.pcap.gz`: which world it shows and what was planted when. Written by scripts/make-demo-scene.mjs. */
const Scene = z.strictObject({
  seed: z.string(),
  startedMs: z.number(),
  endedMs: z.number(),
  port: z.number(),
  requests: z.number(),
  callers: z.number(),
  addresses: z.number(),
  attacks: z.array(z.strictObject({ name: z.string(), firstMs: z.number(), lastMs: z.number(), requests: z.number() })),
})

export type RecordedScene = z.infer<typeof Scene>

export async function readRecordedScene(path: string): Promise<RecordedScene> {
  return Scene.parse(JSON.parse(gunzipSync(await readFile(path)).toString()))
}
