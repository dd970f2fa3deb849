// A certificate authority, a server and a client certificate (PEM) for one test node. Needs openssl.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Writes ca.pem, server.pem (key and chain, as Kafka reads it), client.crt and client.key. */
export function makeCertificates(folder) {
  const file = (name) => join(folder, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30']
  openssl('req', '-x509', ...newKey, '-subj', '/CN=Offpath test CA', '-keyout', file('ca.key'), '-out', file('ca.pem'))
  for (const name of ['server', 'client']) {
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
    const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-addext', 'basicConstraints=critical,CA:FALSE']
    openssl(
      'req',
      '-x509',
      ...newKey,
      ...subject,
      ...signed,
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.crt`),
    )
  }
  const parts = ['server.key', 'server.crt', 'ca.pem'].map((name) => readFileSync(file(name), 'utf8'))
  writeFileSync(file('server.pem'), parts.join(''), { mode: 0o600 })
}

function openssl(...args) {
  const { status, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${error?.message ?? stderr}`)
}
