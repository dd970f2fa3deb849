/**
 * Which names say that their value is a secret. Names are compared without case, `-`, `_`, `.`, blanks and brackets, so
 * `accessToken`, `access_token` and `user[access-token]` are one name.
 */

/** keep: no secret. token: becomes a pseudonym. erase: becomes the constant `redacted`. */
export type Secrecy = 'keep' | 'token' | 'erase' | 'code' | 'opaque'

/** Longer names are not looked at: no API uses them, and a name is attacker's text. */
const MAX_NAME = 128

const ERASED = new Set(
  `pwd pass passwd passphrase passcode pw otp otpcode otptoken totp totpcode onetimecode onetimepassword onetimepasscode
  verificationcode verifycode mfacode mfatoken twofactorcode twofatorcode 2facode tfacode smscode emailcode backupcode
  recoverycode confirmationcode pin pincode pinnumber newpin oldpin cvv cvc cvv2 cvc2 cvn csc securitycode cardsecuritycode
  cardnumber cardno cardnum ccnumber ccnum ccno creditcard creditcardnumber debitcardnumber primaryaccountnumber pan
  secretanswer securityanswer`.split(/\s+/),
)

const TOKENS = new Set(
  `token jwt bearer authorization proxyauthorization apikey apisecret appkey appsecret accesskey accesskeyid secret secretkey
  privatekey clientsecret sharedsecret webhooksecret signingkey encryptionkey masterkey sessionid sessionkey session sid
  jsessionid phpsessid aspnetsessionid connectsid signature sig hmac assertion clientassertion samlresponse samlrequest
  relaystate codeverifier nonce ticket credential credentials cookie setcookie authcode authorizationcode authkey
  subscriptionkey ocpapimsubscriptionkey xamzsignature xamzcredential xamzsecuritytoken awsaccesskeyid googleaccessid
  devicecode refreshtoken accesstoken idtoken magiclink deploykey licensekey`.split(/\s+/),
)

/** Pagination cursors and counts that end like a token and are none. */
const NOT_TOKENS = new Set(
  'nextpagetoken prevpagetoken pagetoken nexttoken continuationtoken synctoken nextsynctoken maxtoken'.split(' '),
)

const PASSWORD_FACTS =
  /(?:at|on|date|expiry|expires|expired|policy|url|uri|enabled|required|strength|length|type|age|days|changed|reset|set|id|hint|less|rules|visible)$/

/** What no name has in it, and payloads begin with. */
const NO_NAME = /['"`;=<>(){}|&#\\]|--|\/\*/

const recent = new Map<string, Secrecy>()
const MAX_RECENT = 4096

/** What the value of a field, parameter, header or cookie of this name is. */
export function secrecyOf(name: string): Secrecy {
  if (name.length === 0 || name.length > MAX_NAME) return 'keep'
  const known = recent.get(name)
  if (known !== undefined) return known
  // Bounded by starting over: names repeat, so a full map means that somebody is making names up.
  if (recent.size >= MAX_RECENT) recent.clear()
  let secrecy = classify(normalName(name))
  // `pin' OR '1'='1` is the pin's name with an attack behind it.
  if (secrecy === 'keep') {
    const end = name.search(NO_NAME)
    if (end > 0) secrecy = classify(normalName(name.slice(0, end)))
  }
  recent.set(ownText(name), secrecy)
  return secrecy
}

/** The same text, without the whole body behind it that a slice of one keeps alive. */
export function ownText(slice: string): string {
  const narrow = Buffer.from(slice, 'latin1').toString('latin1')
  return narrow === slice ? narrow : Buffer.from(slice, 'utf16le').toString('utf16le')
}

/** The name as it is compared: the innermost part of `user[password]` and `login.password`. */
export function normalName(name: string): string {
  return name.toLowerCase().replace(/[-_\s.[\]"'`$@:]+/g, '')
}

function classify(name: string): Secrecy {
  if (ERASED.has(name)) return 'erase'
  if (name.includes('password') || name.includes('passwd')) {
    if (name.endsWith('token')) return 'token'
    return PASSWORD_FACTS.test(name) ? 'keep' : 'erase'
  }
  if (TOKENS.has(name)) return 'token'
  if (name.endsWith('token')) return NOT_TOKENS.has(name) ? 'keep' : 'token'
  if (/(?:secret|apikey|passphrase|privatekey|accesskey|secretkey|signature|sessionid|authkey)$/.test(name)) {
    return name.endsWith('passphrase') ? 'erase' : 'token'
  }
  for (const erased of ['otp', 'totp', 'pwd', 'cvv', 'cvc', 'passcode', 'cardnumber']) {
    if (name.endsWith(erased) && name.length <= erased.length + 12) return erased === 'otp' ? otpEnding(name) : 'erase'
  }
  if (name === 'code' || name === 'usercode') return 'code'
  if (name === 'state' || name === 'key') return 'opaque'
  return 'keep'
}

/** `userotp` and `loginotp` are one-time codes, `robotp` is not a word one meets, but `hotp` is one too. */
function otpEnding(name: string): Secrecy {
  return /^(?:h|t|user|login|sms|email|mobile|phone|my|the|input|auth|new)?otp$/.test(name) ? 'erase' : 'keep'
}

/** Whether a field of this name is where one proves who one is: the mark of a login form. */
export function isPasswordName(name: string): 'password' | 'code' | null {
  const normal = normalName(name)
  if (NEW_PASSWORD.test(normal)) return null
  if (LOGIN_PASSWORDS.has(normal)) return 'password'
  if (LOGIN_CODES.has(normal)) return 'code'
  return secrecyOf(name) === 'erase' && normal.endsWith('password') ? 'password' : null
}

const NEW_PASSWORD = /^(?:new|confirm|repeat|retype|verify|old)/
const LOGIN_PASSWORDS = new Set('password passwd pwd pass passphrase userpassword loginpassword'.split(' '))
const LOGIN_CODES = new Set(
  'otp code totp pin passcode otpcode totpcode mfacode 2facode twofactorcode smscode verificationcode onetimecode'.split(
    ' ',
  ),
)

const ACCOUNT_NAMES = new Set(
  `username user login loginid email emailaddress mail account accountname accountid userid useremail phone phonenumber mobile
  msisdn identifier identity principal handle customerid memberid clientid name uname usr`.split(/\s+/),
)

export function isAccountName(name: string): boolean {
  return ACCOUNT_NAMES.has(normalName(name))
}
