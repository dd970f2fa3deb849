import { randomBytes } from 'node:crypto'
import { chmod, link, open, readFile, stat, unlink } from 'node:fs/promises'
import { OffpathError } from '../telemetry/errors.ts'
import { ownedAsFolder } from './data-folder.ts'

const TOKEN_BYTES = 32
/** Base64url of 16 bytes: what an operator's own token must at least have. */
const LEAST_CHARACTERS = 22
const MOST_BYTES = 4096

/**
 * The token of the API: what the file says, or 32 random bytes as base64url, made once (mode 0600). `make` false: a file that an
 * operator named must be there.
 */
export async function loadToken(path: string, options: { readonly make: boolean }): Promise<string> {
  try {
    return await readToken(path)
  } catch (error) {
    if (!options.make || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw unusable(path, error)
  }
  try {
    await makeToken(path)
    return await readToken(path)
  } catch (error) {
    throw unusable(path, error)
  }
}

async function readToken(path: string): Promise<string> {
  const { mode, size } = await stat(path)
  if (size > MOST_BYTES) throw new Error(`it is longer than ${MOST_BYTES} bytes`)
  if ((mode & 0o077) !== 0) await chmod(path, 0o600)
  const token = (await readFile(path, 'utf8')).trim()
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('it holds no token: one line of printable characters is expected')
  if (token.length < LEAST_CHARACTERS) throw new Error(`its token is shorter than ${LEAST_CHARACTERS} characters`)
  return token
}

/** Written beside and linked, so that nobody reads half of it and of two starters one wins. */
async function makeToken(path: string): Promise<void> {
  const beside = `${path}.${randomBytes(4).toString('hex')}`
  const file = await open(beside, 'wx', 0o600)
  try {
    await file.writeFile(`${randomBytes(TOKEN_BYTES).toString('base64url')}\n`)
    await file.datasync()
    await ownedAsFolder(beside)
    await link(beside, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await file.close()
    await unlink(beside)
  }
}

function unusable(path: string, cause: unknown): OffpathError {
  const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
  const why = missing ? 'there is no such file' : (cause as Error).message
  return new OffpathError('OFFPATH_E_CONFIG', `the token file cannot be used: ${why}`, {
    at: path,
    remedy: 'server.token_file names a file of this user with one line, or null',
    cause,
  })
}
