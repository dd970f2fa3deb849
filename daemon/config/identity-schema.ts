import { z } from 'zod'
import { CERTIFICATE_HEADERS } from '../identity/certificate.ts'
import { CREDENTIAL_DEFAULTS } from '../identity/credentials.ts'
import { CDN_HEADERS, type Cdn } from '../identity/forwarded.ts'
import { labelFault } from '../policies/client-labels.ts'
import { addressBlock, file } from './values.ts'

const headerName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, { error: 'expected the name of a header or cookie' })

const condition = z
  .string()
  .min(1)
  .max(4096)
  .superRefine((text, context) => {
    const fault = labelFault(text)
    if (fault !== null) context.addIssue({ code: 'custom', message: `is no condition over client: ${fault}` })
  })

const pseudonym = z.string().regex(/^hmac:[0-9a-f]{32}$/, { error: 'expected an id such as hmac: and 32 hex digits' })

/** The section `identity`: who callers are. */
export const identity = z
  .strictObject({
    trusted_hops: z
      .array(addressBlock)
      .max(256)
      .default([])
      .describe(
        'Proxies whose Forwarded and X-Forwarded-For headers are believed. While it is empty, loopback, private and link-local ' +
          'peers are believed, and a caller found that way is marked `forwarded.default`.',
      ),
    cdn: z
      .enum(Object.keys(CDN_HEADERS) as [Cdn, ...Cdn[]])
      .nullable()
      .default(null)
      .describe(
        'The delivery network in front, whose own header names the caller: ' +
          `${Object.entries(CDN_HEADERS)
            .map(([cdn, header]) => `${cdn} (${header})`)
            .join(', ')}. ` +
          'It is believed where X-Forwarded-For leads to no address that is not trusted; name the edges of the network in `trusted_hops`.',
      ),
    asn_database: file.describe(
      'An MMDB file that says whose network an address is in: GeoLite2-ASN, DB-IP ASN Lite, IPinfo. Read at the start, and again when it ' +
        'changes. Null: nobody says.',
    ),
    api_key_headers: z
      .array(headerName)
      .max(32)
      .default([...CREDENTIAL_DEFAULTS.apiKeyHeaders])
      .describe('Headers that carry an API key.'),
    session_cookies: z
      .array(headerName)
      .max(32)
      .default([])
      .describe('Cookies that carry a session, besides those whose name says so (sid, session, connect.sid …).'),
    certificate_headers: z
      .array(headerName)
      .max(8)
      .default([...CERTIFICATE_HEADERS])
      .describe(
        'Headers in which a proxy names the client certificate it saw (mTLS): `X-Forwarded-Client-Cert`, or one that holds the subject. ' +
          'Believed like Forwarded, from trusted hops only.',
      ),
    names: z
      .array(
        z.strictObject({
          name: z.string().min(1).max(64).describe('What the caller is called.'),
          ids: z
            .array(pseudonym)
            .min(1)
            .max(64)
            .describe('Its ids, as `offpath clients show` tells them. All become the first.'),
        }),
      )
      .max(1024)
      .default([])
      .describe('Callers that have a name of their own: keys that take turns, partners, jobs.'),
    display: z
      .array(
        z.strictObject({
          issuer: z.string().min(1).nullable().default(null).describe('Claim `iss`; null: any issuer.'),
          claim: z
            .string()
            .min(1)
            .max(64)
            .nullable()
            .default(null)
            .describe('Claim that users of the issuer are shown by; null: their pseudonym.'),
        }),
      )
      .max(64)
      .default([])
      .describe(
        'How users of tokens are shown; the first that fits counts. Else by the subject. E-mail addresses, phone numbers and what looks like ' +
          'a secret are never shown.',
      ),
    labels: z
      .array(
        z.strictObject({
          name: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, { error: 'expected a short lower-case name' }),
          when: condition.describe('A condition in CEL over `client`, such as `client.role == "partner"`.'),
        }),
      )
      .max(32)
      .default([])
      .describe('Labels of callers, shown by `offpath clients` and read by policies as `signal.caller.labels`.'),
    jwks: z
      .array(
        z.strictObject({
          file: z.string().min(1).describe('A JWK Set (RFC 7517), as the issuer publishes it. Read at the start.'),
          issuer: z
            .string()
            .min(1)
            .nullable()
            .default(null)
            .describe('Claim `iss` of the tokens that its keys sign; null: of any token.'),
        }),
      )
      .max(16)
      .default([])
      .describe(
        'Keys to check tokens with that servers accept: RS, PS, ES, HS and EdDSA. Empty: tokens are read and not checked.',
      ),
  })
  .prefault({})
  .describe('Who made a request.')
