import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PolicyStore } from './policy-store.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-policies-'))
  write('mine.yaml', 'Mine')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, title: string, id = 'mine'): void {
  const text = `apiVersion: offpath.dev/v1
kind: Policy
metadata: {id: ${id}, title: "${title}"}
when: {detectors: [scan.probing]}
group: {by: [subject]}
`
  writeFileSync(join(folder, name), text)
}

const titleOf = ({ current }: PolicyStore) => current.policies.find(({ id }) => id === 'mine')?.title

test('a reload takes what changed', () => {
  const store = new PolicyStore({ folder }, 1000)
  write('mine.yaml', 'Mine, changed')
  expect(titleOf(store)).toBe('Mine')
  expect(store.reload(2000)).toBe(store.current)
  expect([titleOf(store), store.loadedAtMs, store.lastError]).toEqual(['Mine, changed', 2000, null])
})

test('a reload checks only what changed', () => {
  for (let i = 0; i < 100; i++) write(`p${i}.yaml`, 'One of many', `p${i}`)
  const store = new PolicyStore({ folder }, 1000)
  const before = new Map(store.current.documents.map(({ file }) => [file.metadata.id, file]))
  write('mine.yaml', 'Mine, changed')
  store.reload(2000)
  const anew = store.current.documents.filter(({ file }) => before.get(file.metadata.id) !== file)
  expect(anew.map(({ file }) => file.metadata.id)).toEqual(['mine'])
})

test('a set that is wrong changes nothing until it is right again', () => {
  const store = new PolicyStore({ folder }, 1000)
  writeFileSync(join(folder, 'broken.yaml'), 'kind: Polcy\n')
  expect(() => store.reload(2000)).toThrow(expect.objectContaining({ code: 'OFFPATH_E_POLICY' }))
  expect([titleOf(store), store.loadedAtMs]).toEqual(['Mine', 1000])
  expect(store.lastError).toMatch(/broken\.yaml/)
  rmSync(join(folder, 'broken.yaml'))
  store.reload(3000)
  expect([store.loadedAtMs, store.lastError]).toEqual([3000, null])
})

test('a daemon does not start on policies that are wrong', () => {
  writeFileSync(join(folder, 'broken.yaml'), 'kind: Polcy\n')
  expect(() => new PolicyStore({ folder }, 1000)).toThrow(expect.objectContaining({ code: 'OFFPATH_E_POLICY' }))
})

test('a change of the folder is told once it has come to rest, and not after closing', async () => {
  const store = new PolicyStore({ folder }, 1000)
  let changes = 0
  const watching = store.watch(
    () => changes++,
    (message) => expect(message).toBe(''),
  )
  for (let i = 0; i < 5; i++) write('mine.yaml', `Mine ${i}`)
  for (let i = 0; i < 100 && changes === 0; i++) await sleep(20)
  expect(changes).toBe(1)
  watching.close()
  write('mine.yaml', 'too late')
  await sleep(400)
  expect(changes).toBe(1)
})

test('a folder that cannot be watched is said so, and nothing breaks', () => {
  const store = new PolicyStore({ folder }, 1000)
  rmSync(folder, { recursive: true })
  const told: string[] = []
  store
    .watch(
      () => {},
      (message) => told.push(message),
    )
    .close()
  expect(told[0]).toMatch(/cannot be watched/)
  expect(
    new PolicyStore({}, 0)
      .watch(
        () => {},
        () => {},
      )
      .close(),
  ).toBeUndefined()
})
