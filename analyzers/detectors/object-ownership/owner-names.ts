/** Names of fields that say whose a thing is: `owner_id`, `customerId`, `tenant`. Without marks and case; see `ownerName`. */
const OWNERS: ReadonlySet<string> = new Set(
  (
    'account borrower buyer client company customer employee guardian member merchant org organisation organization owner ' +
    'passenger patient payer seller student sub subscriber team tenant tenancy user workspace'
  ).split(' '),
)
/** Of them, what many share, or what one may have several of. */
const GROUPS: ReadonlySet<string> = new Set(
  'account company merchant org organisation organization team tenant tenancy workspace'.split(' '),
)
/** What follows the name of an owner. `number` is left out: it counts things as often as it names one. */
const ENDINGS = ['', 'id', 'uuid', 'guid', 'ref', 'key', 'code']
const LONGEST = 32

const NAMES: ReadonlySet<string> = new Set([...OWNERS].flatMap((owner) => ENDINGS.map((ending) => owner + ending)))
const PERSONS: ReadonlySet<string> = new Set(
  [...OWNERS].flatMap((owner) => (GROUPS.has(owner) ? [] : ENDINGS.map((ending) => owner + ending))),
)

/**
 * The one spelling of a name that says whose something is (`ownerId` and `owner_id` are `ownerid`, and so is `owner`); null for any
 * other name.
 */
export function ownerName(name: string): string | null {
  if (name.length < 3 || name.length > LONGEST) return null
  let plain = ''
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i) | 0x20
    if (code >= 0x61 && code <= 0x7a) plain += String.fromCharCode(code)
  }
  if (!NAMES.has(plain)) return null
  return OWNERS.has(plain) ? `${plain}id` : plain
}

/** Whether what `ownerName` or `ownersNamed` gave means one person. */
export function isPerson(name: string): boolean {
  return PERSONS.has(name)
}

/** The same of the collection that a path segment names: `customers` before `{id}` holds customers. */
export function ownersNamed(segment: string): string | null {
  const name = segment.endsWith('s') ? segment.slice(0, -1) : segment
  return ownerName(name)
}
