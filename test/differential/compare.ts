import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseLines } from '../integration/transaction-lines.ts'
import { readWithTshark } from '../integration/tshark.ts'
import type { Case } from './cases.ts'
import { type Judgement, judge, ofOffpath, ofTshark } from './judge.ts'

/** Early segments held: without it tshark drops what comes before its turn; with it, it waits for ever behind a hole. */
const HOLD_EARLY = ['tcp.reassemble_out_of_order:TRUE']
const LARGEST_OUTPUT = 256 * 1024 * 1024

export interface Compared {
  readonly one: Case
  readonly judgement: Judgement
}

/** Reads every case with both programs, `workers` at a time, and judges. */
export async function compare(
  all: readonly Case[],
  program: string,
  workers: number,
  done: (compared: Compared) => void = () => {},
): Promise<Compared[]> {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-differential-'))
  const results: Compared[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let at = next++; at < all.length; at = next++) {
      const one = all[at]!
      const path = join(folder, `${at}${one.extension}`)
      writeFileSync(path, one.file)
      const options = one.lossy ? [] : HOLD_EARLY
      // Its own links, whatever the notes say of them.
      const [ours, theirs] = await Promise.all([readWithOffpath(program, path), readWithTshark(path, false, options)])
      rmSync(path)
      const compared = { one, judgement: judge(one, parseLines(ours).map(ofOffpath), theirs.map(ofTshark)) }
      results[at] = compared
      done(compared)
    }
  }
  try {
    await Promise.all(Array.from({ length: workers }, work))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return results
}

function readWithOffpath(program: string, path: string): Promise<string[]> {
  const args = [program, 'replay', path, '--emit', 'transactions', '--bodies', 'none']
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', OFFPATH_PRIVACY_KEY: '11'.repeat(32) }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { env, maxBuffer: LARGEST_OUTPUT }, (error, stdout) => {
      if (error === null) resolve(stdout.split('\n').filter((line) => line !== ''))
      else reject(error)
    })
  })
}
