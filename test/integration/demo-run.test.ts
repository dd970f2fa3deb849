import { spawn } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ensureBuilt, offpath, type Ran, ROOT } from './program.ts'

/** The demo as a user runs it. Promised: an answer within a minute, and exit 0 only on a clean card. */
const CLEAN = /^6 of 6 planted attacks found, 0 false incidents$/m
const LIMIT_MS = 60_000

beforeAll(ensureBuilt)

function whyNotLive(): string | null {
  if (process.getuid?.() !== 0) return 'needs the right to capture on loopback (root)'
  try {
    import.meta.resolve('pcap/build/Release/pcap_binding.node')
    return null
  } catch {
    return 'needs the optional package pcap, built'
  }
}

describe.skipIf(whyNotLive() !== null)(`live on loopback${whyNotLive() === null ? '' : ` (${whyNotLive()})`}`, () => {
  test('another seed, another port and renamed paths give a clean card within a minute', {
    timeout: 90_000,
  }, async () => {
    const startedMs = Date.now()
    const renames = ['v1=api', 'orders=bestellungen', 'login=anmeldung', 'products=artikel'].flatMap((r) => [
      '--rename',
      r,
    ])
    const ran = await offpath(['demo', '--seed', '23', '--port', '18923', ...renames])
    expect(ran.stdout).toContain('live on loopback (npm pcap, tcp port 18923)')
    expect(ran.stdout).toContain('GET /api/bestellungen/{id}')
    expect(ran.stdout).toMatch(/^pairs .* 100% {2}-$/m)
    expect(ran.stdout).toMatch(CLEAN)
    expect(ran.status).toBe(0)
    expect(Date.now() - startedMs).toBeLessThan(LIMIT_MS)
  })

  test.each([
    ['open to all', 0o755],
    ['of root alone', 0o700],
  ])('a stop while it learns ends it at once: no card, no failure, nothing left in a TMPDIR %s', async (_who, mode) => {
    const folder = mkdtempSync(join(tmpdir(), 'offpath-stopped-'))
    chmodSync(folder, mode)
    try {
      const child = spawn(process.execPath, [join(ROOT, 'dist/offpath.js'), 'demo'], {
        env: { PATH: process.env.PATH, TMPDIR: folder },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let said = ''
      let complained = ''
      const ended = new Promise((resolve) => child.on('close', resolve))
      child.stderr.on('data', (chunk) => {
        complained += chunk
      })
      const learning = new Promise((resolve) =>
        child.stdout.on('data', (chunk) => {
          said += chunk
          if (said.includes('learning')) resolve(undefined)
        }),
      )
      await learning
      const askedMs = Date.now()
      child.kill('SIGINT')
      expect(await ended).toBe(1)
      expect(Date.now() - askedMs).toBeLessThan(10_000)
      expect(complained).toBe('')
      expect(said).toMatch(/no card$/m)
      expect(readdirSync(folder)).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

test('the recorded scene gives a clean card and says what it is', async () => {
  const ran = await offpath(['demo', '--recorded'])
  expect(ran.stdout).toContain('replaying a shipped packet capture')
  expect(ran.stdout).toMatch(CLEAN)
  expect(ran.status).toBe(0)
})

test('without the pcap package it says so, and replays instead', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-elsewhere-'))
  try {
    cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true })
    const ran = await runThere(join(folder, 'dist/offpath.js'), ['demo'])
    expect(ran.stdout).toContain('cannot capture here')
    expect(ran.stdout).toContain('replaying a shipped packet capture')
    expect(ran.stdout).toMatch(CLEAN)
    expect(ran.status).toBe(0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

function runThere(program: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, stdout, stderr }))
  })
}
