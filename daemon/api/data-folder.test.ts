import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { dataFolder, subFolder } from './data-folder.ts'
import { loadToken } from './token.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-data-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const mode = (path: string) => statSync(path).mode & 0o777

test('it is made private, with what is around it, and so are those in it', async () => {
  const path = await dataFolder(join(folder, 'deep/down'))
  expect([path, mode(path)]).toEqual([join(folder, 'deep/down'), 0o700])
  expect(mode(await subFolder(path, 'state'))).toBe(0o700)
})

test('one that is open to others is closed', async () => {
  chmodSync(folder, 0o755)
  await dataFolder(folder)
  expect(mode(folder)).toBe(0o700)
})

test('what is no folder is refused', async () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  await expect(dataFolder(file)).rejects.toMatchObject({ code: 'OFFPATH_E_DATA_FOLDER', at: file })
  await expect(dataFolder(join(file, 'below'))).rejects.toMatchObject({ code: 'OFFPATH_E_DATA_FOLDER' })
})

test.runIf(process.getuid?.() === 0)('made by root it belongs to whom the place belongs', async () => {
  const home = join(folder, 'home')
  mkdirSync(home)
  chownSync(home, 4711, 4712)
  const made = statSync(await dataFolder(join(home, 'offpath-data')))
  expect([made.uid, made.gid]).toEqual([4711, 4712])
})

test.runIf(process.getuid?.() === 0)('that of another user is refused, and left as it is', async () => {
  chmodSync(folder, 0o755)
  const [user, group] = [process.geteuid!(), process.getegid!()]
  process.setegid!(4712)
  process.seteuid!(4711)
  const getuid = process.getuid!
  process.getuid = () => 4711
  try {
    await expect(dataFolder(folder)).rejects.toMatchObject({
      code: 'OFFPATH_E_DATA_FOLDER',
      message: expect.stringContaining('it belongs to user 0'),
    })
    await expect(dataFolder(join(folder, 'below'))).rejects.toMatchObject({
      message: expect.stringContaining('permission denied'),
    })
  } finally {
    process.getuid = getuid
    process.seteuid!(user)
    process.setegid!(group)
  }
  expect(mode(folder)).toBe(0o755)
})

test('the token is made once, private, and long', async () => {
  const path = join(folder, 'token')
  const [one, two] = await Promise.all([loadToken(path, { make: true }), loadToken(path, { make: true })])
  expect(one).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect([two, await loadToken(path, { make: false })]).toEqual([one, one])
  expect(mode(path)).toBe(0o600)
})

test.each([
  ['empty', '\n'],
  ['short', 'secret\n'],
  ['of several words', 'a token with more words than one\n'],
])('a token that is %s is refused and not shown', async (_, text) => {
  const path = join(folder, 'token')
  writeFileSync(path, text)
  const refused = await loadToken(path, { make: true }).catch((error: Error) => error)
  expect(refused).toMatchObject({ code: 'OFFPATH_E_CONFIG', at: path })
  expect(String(refused)).not.toMatch(/secret|words/)
})

test('a token file that was named must be there', async () => {
  await expect(loadToken(join(folder, 'none'), { make: false })).rejects.toMatchObject({ code: 'OFFPATH_E_CONFIG' })
})
